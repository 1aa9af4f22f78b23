"""Critics, one file each; and what the author of one needs."""

from fmnbench.critics.base import Critic, contrastive_loss
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.pairs import pairwise_features

__all__ = ["Critic", "DiagonalNormal", "contrastive_loss", "pairwise_features"]
