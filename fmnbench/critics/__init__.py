"""Critics: one file each."""

from fmnbench.critics.base import Critic, contrastive_loss

__all__ = ["Critic", "contrastive_loss"]
