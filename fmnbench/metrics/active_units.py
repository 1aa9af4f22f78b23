"""Active units: the latent dimensions whose posterior mean moves with x."""

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.metrics.base import Evaluation, require_finite
from fmnbench.registry import metrics


@torch.no_grad()
def active_units(
    mean: Float[Tensor, "n d"],
    threshold: float = 0.01,  # of Var_x[E[z|x]]; the prior's variance is 1
) -> int:
    """Returns how many dimensions' posterior means have a variance above the threshold, 0 to d.

    The population variance over rows, as in the code of Burda et al. (2016, sec. 5.2), and >,
    as in their text; He et al. (2019) divide by n − 1 and take ≥. Raises ValueError where a mean
    is not finite.
    """
    require_finite(mean, "mean")
    if not mean.shape[1]:
        return 0  # a variance over no values is one that torch warns of
    return int((mean.double().var(0, correction=0) > threshold).sum())


@metrics.register("au", unit="units", better="higher", source="Burda et al. 2016", version=1)
def au(evaluation: Evaluation) -> float:
    """Latent dimensions whose posterior mean has a variance above 0.01 over test rows."""
    return float(active_units(evaluation.posterior.mean))
