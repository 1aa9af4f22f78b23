"""Likelihood metrics: the importance-weighted estimate, the ELBO with its two terms, the truth."""

import math

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.metrics.base import Evaluation, samples_per_pass, split
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.lengths import text_lengths
from fmnbench.registry import metrics

ROWS = 256  # test rows that are decoded together


def importance_weighted_nll(log_weights: Float[Tensor, "k n"]) -> Float[Tensor, " n"]:
    """Returns −log (1/K) Σ_k w_k of each row in nats: in expectation at least −log p(x).

    log_weights[k, i] = log p(x_i, z_k) − log q(z_k|x_i) with z_k ~ q(z|x_i). It falls towards
    −log p(x) as K grows; at K = 1 it is the negative ELBO's estimate (Burda et al. 2016, eq. 8).
    A weight may be 0, its logarithm −inf. Raises ValueError where all weights of a row are 0, or
    one is NaN or infinite.
    """
    return _minus_log_mean(log_weights.logsumexp(0), len(log_weights))


@metrics.register("nll", unit="nats", better="lower", source="Burda et al. 2016", version=1)
def nll(evaluation: Evaluation) -> float:
    """−log p(x) by importance weighting with the track's K samples, mean over test rows.

    Exact, from a single pass, where the architecture has no latent.
    """
    total = 0.0  # not by sum(), which has other last digits from Python 3.12 on
    for batch in evaluation.once(_batches):
        total += batch.sum().item()
    return total / evaluation.n


def nll_of_rows(evaluation: Evaluation) -> Float[Tensor, " n"]:
    """Returns −log p(x) of each test row in float64; their mean is the metric `nll`."""
    return torch.cat(evaluation.once(_batches))


@metrics.register("ppl", unit="words", better="lower", source="He et al. 2019, sec. 5", version=1)
def ppl(evaluation: Evaluation) -> float:
    """exp(Σ nll / Σ predicted words) over the test texts: </s> is predicted, <s> is not.

    Raises Declined where rows are no texts.
    """
    if evaluation.splits.kind != "texts":
        raise Declined(f"a perplexity takes texts, not {evaluation.splits.kind}")
    predicted = (text_lengths(evaluation.x) - 1).double().mean().item()
    return math.exp(nll(evaluation) / predicted)


@torch.no_grad()
def _batches(evaluation: Evaluation) -> list[Float[Tensor, " n"]]:
    """Returns −log p(x) of all rows, batch by batch."""
    generator = evaluation.stream("nll")
    batches = zip(torch.split(evaluation.x, ROWS), split(evaluation.posterior, ROWS), strict=True)
    samples = evaluation.samples(evaluation.nll_samples)
    found = []
    for x, q in batches:
        with evaluation.passes():
            log_sum = _log_sum_of_weights(evaluation.vae, x, q, samples, generator)
        found.append(_minus_log_mean(log_sum, samples))
    return found


@metrics.register("elbo", unit="nats", better="higher", source="Kingma & Welling 2014", version=1)
def elbo(evaluation: Evaluation) -> float:
    """Evidence lower bound at β = 1, mean over test rows; at most the mean of log p(x)."""
    return -(evaluation.reconstruction + evaluation.kl).mean().item()


@metrics.register(
    "reconstruction", unit="nats", better="lower", source="Kingma & Welling 2014", version=1
)
def reconstruction(evaluation: Evaluation) -> float:
    """−log p(x|z) at one posterior sample, normalised, mean over test rows."""
    return evaluation.reconstruction.mean().item()


@metrics.register(
    "reconstruction_at_prior",
    unit="nats",
    better=None,
    source="fmnbench, latent-free reference",
    version=1,
)
def reconstruction_at_prior(evaluation: Evaluation) -> float:
    """−log p(x|z) at one z ~ p(z) in place of the posterior, mean over test rows.

    In expectation at least −log p(x), and as much where the decoder ignores z. Raises Declined
    where there is no latent.
    """
    if not evaluation.vae.latent:
        raise Declined("a reconstruction at prior z takes a latent; there is none")
    generator = evaluation.stream("reconstruction_at_prior")
    z = evaluation.vae.prior.rsample((evaluation.n,), generator=generator)
    return -evaluation.log_prob(z).mean().item()


@metrics.register("kl", unit="nats", better=None, source="Kingma & Welling 2014", version=1)
def kl(evaluation: Evaluation) -> float:
    """KL(q(z|x) || p(z)) in closed form, mean over test rows: the rate."""
    return evaluation.kl.mean().item()


@metrics.register(
    "nll_exact", unit="nats", better="lower", source="Tipping & Bishop 1999", version=1
)
@torch.no_grad()
def nll_exact(evaluation: Evaluation) -> float:
    """−log p(x) in closed form, mean over test rows; only where the architecture has one."""
    return -evaluation.vae.exact_log_likelihood(evaluation.x).double().mean().item()


def _minus_log_mean(log_sum: Float[Tensor, " n"], samples: int) -> Float[Tensor, " n"]:
    broken = int((~log_sum.isfinite()).sum())
    if broken:
        raise ValueError(f"{broken} of {len(log_sum)} rows have no finite importance weights")
    return math.log(samples) - log_sum


def _log_sum_of_weights(
    vae: VAE,
    x: Num[Tensor, "n x"],
    q: DiagonalNormal,
    samples: int,
    generator: torch.Generator,
) -> Float[Tensor, " n"]:
    """Returns log Σ_k w_k of a few rows; the samples pass by in blocks that memory can hold."""
    prior = vae.prior
    block = samples_per_pass(x)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for done in range(0, samples, block):
        noise = q.noise((min(block, samples - done),), generator=generator)
        z = q.at(noise)
        log_weights = vae.decode(z).log_prob(x) + prior.log_prob(z) - q.log_prob_at(noise)
        total = torch.logaddexp(total, log_weights.double().logsumexp(0))
    return total
