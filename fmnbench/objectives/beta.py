"""The module in which older plug-ins find the β-VAE's objective."""

from fmnbench.remedies.beta import Beta

__all__ = ["Beta"]
