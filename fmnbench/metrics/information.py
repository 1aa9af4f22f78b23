"""How much z says of x: bounds of the mutual information, and the field's minibatch estimate."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.metrics.base import Evaluation, require_finite, split
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.pairs import pairwise_features, pairwise_log_prob
from fmnbench.registry import metrics

VALUES = {"cpu": 2**20}  # pairs per block: 8 MB of float64, near what a CPU's cache holds
ACCELERATOR_VALUES = 2**27
NEGLIGIBLE = -700.0  # nats below the largest term; further down exp underflows, many times slower


@torch.no_grad()
def mutual_information_bounds(
    z: Float[Tensor, "n d"],
    mean: Float[Tensor, "n d"],
    log_variance: Float[Tensor, "n d"],
    *,
    noise: Float[Tensor, "n d"] | None = None,
) -> tuple[float, float]:
    """Returns estimates of I(x; z) in nats that lie below and above it in expectation.

    z_i is one sample of N(mean_i, diag exp(log_variance_i)). Both are the mean of
    log q(z_i|x_i) − log q(z_i); they differ in the mixture that stands for q(z). The lower one
    counts the row itself and is at most log n; the upper one leaves it out (Poole et al. 2019,
    secs. 2.3-2.4), and is inf where float64 holds nothing of the other rows. `noise` is what
    z = mean + deviation · noise was made of: posteriors so sharp that z is rounded to the mean
    need it. Raises ValueError below two rows, for values that are not finite, and where the
    estimates cannot be computed.
    """
    if len(z) < 2:
        raise ValueError(f"mutual information takes two rows or more; given {len(z)}")
    own, others = _log_densities(*_checked(z, mean, log_variance, noise))
    everyone = torch.logaddexp(others, own)
    lower = (own - everyone).mean().item() + math.log(len(z))
    upper = (own - others).mean().item() + math.log(len(z) - 1)
    _require_computed(lower)
    return lower, upper


@torch.no_grad()
def minibatch_mutual_information(
    z: Float[Tensor, "n d"],
    mean: Float[Tensor, "n d"],
    log_variance: Float[Tensor, "n d"],
    batch_size: int,
    *,
    noise: Float[Tensor, "n d"] | None = None,
) -> float:
    """Returns He et al.'s (2019) estimate of I(x; z) in nats: at most the mean log batch size.

    Rows form batches in order, the last short one kept. In each: the closed-form mean of
    log q(z|x), minus the mean of log q(z) with the batch's own mixture; then the mean over
    batches, weighted by their rows. As z is sampled, it keeps to its ceiling in expectation only.
    `noise` and errors as in `mutual_information_bounds`.
    """
    z, q, noise = _checked(z, mean, log_variance, noise)
    negative_entropy = -q.entropy().sum().item()
    log_marginal = 0.0
    parts = (torch.split(z, batch_size), split(q, batch_size), torch.split(noise, batch_size))
    for batch in zip(*parts, strict=True):
        everyone = torch.logaddexp(*_log_densities(*batch))
        log_marginal += (everyone - math.log(len(everyone))).sum().item()
    information = (negative_entropy - log_marginal) / len(z)
    _require_computed(information)
    return information


@metrics.register("mi_lower", unit="nats", better="higher", source="Poole et al. 2019", version=1)
def mi_lower(evaluation: Evaluation) -> float:
    """Lower estimate of I(x; z) over the whole test set; at most log n, see `mi_ceiling`."""
    return evaluation.once(_bounds)[0]


@metrics.register("mi_upper", unit="nats", better=None, source="Poole et al. 2019", version=1)
def mi_upper(evaluation: Evaluation) -> float:
    """Upper estimate of I(x; z) over the whole test set, each row left out of its mixture."""
    return evaluation.once(_bounds)[1]


@metrics.register("mi_ceiling", unit="nats", better=None, source="Poole et al. 2019", version=1)
def mi_ceiling(evaluation: Evaluation) -> float:
    """Ceiling of `mi_lower`: log n of the test rows."""
    return evaluation.ceiling


@metrics.register("mi_batch", unit="nats", better="higher", source="He et al. 2019", version=1)
def mi_batch(evaluation: Evaluation) -> float:
    """I(x; z) within minibatches of the training size, as papers print it."""
    return evaluation.once(_minibatch_estimate)


@metrics.register("mi_batch_ceiling", unit="nats", better=None, source="He et al. 2019", version=1)
def mi_batch_ceiling(evaluation: Evaluation) -> float:
    """Ceiling of `mi_batch`: log batch size, mean over test rows, the short batch included."""
    whole, rest = divmod(evaluation.n, evaluation.batch_size)
    total = whole * evaluation.batch_size * math.log(evaluation.batch_size)
    if rest:
        total += rest * math.log(rest)
    return total / evaluation.n


@metrics.register(
    "kl_marginal", unit="nats", better="lower", source="Hoffman & Johnson 2016", version=1
)
def kl_marginal(evaluation: Evaluation) -> float:
    """KL(q(z) || p(z)) as `kl` − `mi_lower`: hence an upper estimate of it."""
    return evaluation.kl.mean().item() - evaluation.once(_bounds)[0]


def _bounds(evaluation: Evaluation) -> tuple[float, float]:
    q = evaluation.posterior
    return mutual_information_bounds(evaluation.z, q.mean, q.log_variance, noise=evaluation.noise)


def _minibatch_estimate(evaluation: Evaluation) -> float:
    q = evaluation.posterior
    return minibatch_mutual_information(
        evaluation.z, q.mean, q.log_variance, evaluation.batch_size, noise=evaluation.noise
    )


def _checked(
    z: Float[Tensor, "n d"],
    mean: Float[Tensor, "n d"],
    log_variance: Float[Tensor, "n d"],
    noise: Float[Tensor, "n d"] | None,
) -> tuple[Float[Tensor, "n d"], DiagonalNormal, Float[Tensor, "n d"]]:
    """Returns samples, posteriors and noise in float64; without noise that which z shows."""
    given = {"z": z, "mean": mean, "log_variance": log_variance}
    for which, rows in (given if noise is None else given | {"noise": noise}).items():
        require_finite(rows, which)
    z, q = z.double(), DiagonalNormal(mean.double(), log_variance.double())
    if noise is None:
        largest = torch.finfo(z.dtype).max  # of 1 / deviation; z at its mean is 0 of any
        precision = torch.exp(-0.5 * q.log_variance).clamp_max(largest)
        return z, q, (z - q.mean) * precision
    return z, q, noise.double()


def _require_computed(estimate: float) -> None:
    if not math.isfinite(estimate):
        raise ValueError(
            "mutual information cannot be computed: float64 does not hold the densities of "
            "posteriors this sharp or wide; give the noise that z was made of"
        )


def _log_densities(
    z: Float[Tensor, "n d"], q: DiagonalNormal, noise: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Returns log q(z_i|x_i) and log Σ_{j≠i} q(z_i|x_j) of each i in nats; −inf of a single row.

    By products where these have the digits, else from the noise.
    """
    if q.sharp.any():
        return q.log_prob_at(noise), _log_sum_of_other_pairs(noise, q)
    return q.log_prob(z), _log_sum_of_others(z, q)


def _log_sum_of_other_pairs(noise: Float[Tensor, "n d"], q: DiagonalNormal) -> Float[Tensor, " n"]:
    """Returns log Σ_{j≠i} q(z_i|x_j) of each i in nats, pair by pair, where products fail."""
    n = len(noise)
    rows = max(1, VALUES.get(noise.device.type, ACCELERATOR_VALUES) // n)
    sums = torch.empty_like(noise[:, 0])
    for first in range(0, n, rows):
        block = slice(first, first + rows)
        scores = pairwise_log_prob(noise, q, block)  # scores[i, j] = log q(z_(first + i) | x_j)
        scores.diagonal(first).fill_(-math.inf)
        sums[block] = scores.logsumexp(1)
    return sums


def _log_sum_of_others(z: Float[Tensor, "n d"], q: DiagonalNormal) -> Float[Tensor, " n"]:
    """Returns log Σ_{j≠i} q(z_i|x_j) of each i in nats, block by block; −inf of a single row."""
    if len(z) == 1:
        return torch.full((1,), -math.inf, dtype=torch.float64, device=z.device)
    a, b = pairwise_features(z, q.mean, q.log_variance)
    b = b.contiguous()
    rows = max(1, VALUES.get(z.device.type, ACCELERATOR_VALUES) // len(z))
    block = torch.empty(min(rows, len(z)), len(z), dtype=torch.float64, device=z.device)
    sums = torch.empty(len(z), dtype=torch.float64, device=z.device)
    for first in range(0, len(z), rows):
        # scores[i, j] = log q(z_(first + i) | x_j), in the same memory each time
        features = a[:, first : first + rows].T
        scores = torch.mm(features, b, out=block[: len(features)])
        scores.diagonal(first).fill_(-math.inf)
        largest = scores.amax(1)
        scores.sub_(largest[:, None]).clamp_min_(NEGLIGIBLE).exp_()
        sums[first : first + rows] = scores.sum(1).log_() + largest
    return sums
