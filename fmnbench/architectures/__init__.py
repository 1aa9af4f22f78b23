"""Architectures: one file each."""

from fmnbench.architectures.base import VAE, Trunk

__all__ = ["VAE", "Trunk"]
