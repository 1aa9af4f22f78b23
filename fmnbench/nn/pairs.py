"""Log-densities of every sample under every posterior: as one product, or pair by pair."""

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.nn.distributions import LOG_2PI, DiagonalNormal


def pairwise_features(
    z: Float[Tensor, "n d"], mean: Float[Tensor, "m d"], log_variance: Float[Tensor, "m d"]
) -> tuple[Float[Tensor, "f n"], Float[Tensor, "f m"]]:
    """Returns a, b with a[:, i] · b[:, j] = log N(z_i; mean_j, diag exp(log_variance_j)), in nats.

    The density is a quadratic in z, so all n × m of them are one matrix product with
    f = 2d + 1 inner terms. In float64 and about the common mean, against cancellation.
    """
    centre = mean.detach().mean(0)
    z, mean = (z - centre).double(), (mean - centre).double()
    log_variance = log_variance.double()
    precision = torch.exp(-log_variance)
    weighted = mean * precision
    constant = -0.5 * (weighted * mean + log_variance + LOG_2PI).sum(1, keepdim=True)
    a = torch.cat([z.square(), z, z.new_ones(len(z), 1)], 1)
    b = torch.cat([-0.5 * precision, weighted, constant], 1)
    return a.T, b.T


def pairwise_log_prob(
    noise: Float[Tensor, "n d"], q: DiagonalNormal, rows: slice
) -> Float[Tensor, "b n"]:
    """Returns log q_j(z_i) in nats of the rows i at all j, where noise makes z_i of q_i.

    Works where posteriors are sharp and the product of `pairwise_features` has no digits left:
    (z_i − mean_j) / deviation_j is taken from the means' difference and the noise, dimension by
    dimension. NaN where a type holds the ratio of two deviations no more.
    """
    mean, log_variance = q.mean, q.log_variance
    largest = torch.finfo(mean.dtype).max  # of 1 / deviation; equal means are 0 apart all the same
    precision = torch.exp(-0.5 * log_variance).clamp_max(largest)
    # deviations are small or large together, so that ratios are products of moderate numbers
    centred = 0.5 * (log_variance - (log_variance.amax(0) + log_variance.amin(0)) / 2)
    within, ratio = noise[rows] * torch.exp(centred[rows]), torch.exp(-centred)
    scores = (-0.5 * (log_variance + LOG_2PI).sum(1)).repeat(len(within), 1)
    apart = torch.empty_like(scores)
    for each in range(mean.shape[1]):
        torch.sub(mean[rows, each, None], mean[:, each], out=apart)
        apart.mul_(precision[:, each]).addcmul_(within[:, each, None], ratio[:, each])
        scores.addcmul_(apart, apart, value=-0.5)
    return scores
