"""What an objective is: how the two terms of the ELBO become the loss of each row."""

import dataclasses

from jaxtyping import Float
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where in training a step stands; both count from 0."""

    step: int
    epoch: float  # epochs done, with the fraction of the current one


class Objective(nn.Module):
    """The base of all objectives. Settings are keyword-only arguments."""

    def forward(
        self,
        reconstruction: Float[Tensor, " n"],
        kl: Float[Tensor, "n d"],
        progress: Progress,
    ) -> Float[Tensor, " n"]:
        """Returns each row's loss in nats.

        `reconstruction` is −log p(x|z) of each row, `kl` KL(q(z|x) || p(z)) by dimension.
        """
        raise NotImplementedError
