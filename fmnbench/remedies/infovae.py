"""InfoVAE: less weight on the KL, more on the distance of the aggregate posterior to the prior."""

from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.errors import UsageError
from fmnbench.registry import Range, Share, remedies
from fmnbench.remedies.base import Batch, Remedy

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the kernel, in units of 2 d (Tolstikhin 2018)


def maximum_mean_discrepancy(
    a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]
) -> Float[Tensor, ""]:
    """Returns the squared MMD of two samples without bias, so it may be below 0.

    Inverse multiquadratic kernels of seven scales, as Tolstikhin et al. (2018). 0 for one row.
    """
    n, d = a.shape
    if n < 2:
        return (a * 0).sum()
    within = _kernel(a, a, d) + _kernel(b, b, d)
    pairs = within.sum() - within.diagonal().sum()
    return pairs / (n * (n - 1)) - 2 * _kernel(a, b, d).mean()


def _kernel(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], d: int) -> Float[Tensor, "n m"]:
    squares = (a[:, None] - b[None]).square().sum(2)
    return sum(
        (2 * d * scale / (2 * d * scale + squares) for scale in SCALES), torch.zeros_like(squares)
    )


@remedies.register(
    "infovae", source="Zhao et al. 2019, eq. 6", cost="n² kernels a batch", version=1
)
class InfoVAE(Remedy):
    """Reconstruction + (1 − `alpha`) · KL + (`alpha` + `scale` − 1) · MMD(q(z), p(z))."""

    def __init__(
        self,
        *,
        alpha: Annotated[Share, Range(0.0, 1.0)] = 0.9,
        scale: Annotated[float, Range(1.0, 1000.0, log=True)] = 10.0,
    ) -> None:
        super().__init__()
        if alpha + scale < 1:
            raise UsageError(f"alpha + scale is {alpha + scale:g}; it must be 1 or above.")
        self.alpha, self.scale = alpha, scale

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        distance = maximum_mean_discrepancy(batch.z, batch.prior_draws())
        kl = (1 - self.alpha) * batch.kl.sum(1)
        return batch.reconstruction + kl + (self.alpha + self.scale - 1) * distance
