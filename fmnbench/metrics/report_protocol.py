"""The metrics as the project report defines them: kept to rebuild its tables, not to trust."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fmnbench.errors import Declined
from fmnbench.metrics.base import (
    Evaluation,
    decoder_loss,
    require_finite,
    samples_per_pass,
    split,
)
from fmnbench.metrics.density_coverage import density_coverage
from fmnbench.metrics.information import mi_batch
from fmnbench.nn.distributions import AutoregressiveCategorical
from fmnbench.registry import metrics

DRAWS = 50  # posterior samples per batch, of report.nll
TOKENS = 100  # of a greedy text, <s> and </s> among them, of report.density
SMALLEST_DEVIATION = 0.1  # of a sampled z that counts as active, of report.au


def batch_total_nll(totals: Float[Tensor, " k"]) -> float:
    """Returns −log (1/K) Σ_k exp(−T_k) of one batch in nats, T_k its total loss at draw k.

    Not an importance-weighted likelihood: totals of a whole batch differ by so much that it is
    close to the least of them.
    """
    return math.log(len(totals)) - (-totals.double()).logsumexp(0).item()


def spread_units(z: Float[Tensor, "n d"]) -> int:
    """Returns how many dimensions of sampled z have a standard deviation above 0.1, 0 to d.

    The sample standard deviation over rows (n − 1), torch's default. A posterior that equals the
    prior counts in every dimension. Raises ValueError where a value is not finite.
    """
    require_finite(z, "z")
    if not z.shape[1]:
        return 0  # as in active_units
    return int((z.double().std(0, correction=1) > SMALLEST_DEVIATION).sum())


@metrics.register(
    "report.nll", unit="nats", better="lower", source="project report, Tables 1-3", version=1
)
@torch.no_grad()
def report_nll(evaluation: Evaluation) -> float:
    """Log-mean-exp of 50 batch totals of the loss, per row; without a Gaussian's constant.

    Reconstruction as `decoder_loss` plus closed-form KL. No importance-weighted NLL and no bound:
    above −log p(x) by most of the ELBO's gap, yet below it where the posterior is exact.
    """
    generator = evaluation.stream("report.nll")
    size = evaluation.batch_size
    batches = zip(
        torch.split(evaluation.x, size),
        split(evaluation.posterior, size),
        torch.split(evaluation.kl, size),
        strict=True,
    )
    total = 0.0
    for x, q, kl in batches:
        with evaluation.passes():
            draws = [q.rsample(generator=generator) for _ in range(evaluation.samples(DRAWS))]
            losses = [
                decoder_loss(evaluation.vae.decode(z), x)
                for z in torch.stack(draws).split(samples_per_pass(x))
            ]
        total += batch_total_nll(torch.cat(losses).double().sum(1) + kl.sum())
    return total / evaluation.n


@metrics.register(
    "report.mi", unit="nats", better="higher", source="project report, Tables 1-3", version=1
)
def report_mi(evaluation: Evaluation) -> float:
    """I(x; z) within test batches of the training size: the same number as `mi_batch`."""
    return mi_batch(evaluation)


@metrics.register(
    "report.au", unit="units", better="higher", source="project report, Tables 1-3", version=1
)
def report_au(evaluation: Evaluation) -> float:
    """Latent dimensions whose sampled z has a standard deviation above 0.1 over test rows."""
    return float(spread_units(evaluation.z))


@metrics.register(
    "report.density",
    unit="ratio",
    better="higher",
    source="project report, Tables 1-3",
    version=2,
    moved={2: ("texts",)},
)
def report_density(evaluation: Evaluation) -> float:
    """Density of re-encoded prior samples among encoded test rows, in the model's own space."""
    return evaluation.once(_latent_density_coverage)[0]


@metrics.register(
    "report.coverage",
    unit="ratio",
    better="higher",
    source="project report, Tables 1-3",
    version=2,
    moved={2: ("texts",)},
)
def report_coverage(evaluation: Evaluation) -> float:
    """Coverage of encoded test rows by re-encoded prior samples, in the model's own space."""
    return evaluation.once(_latent_density_coverage)[1]


@torch.no_grad()
def _latent_density_coverage(evaluation: Evaluation) -> tuple[float, float]:
    """Returns both at k = 5, one posterior sample a row; of prior samples the decoder's mean.

    Of texts the most likely words as they leave the decoder: at most 99, without <s>, and with
    </s> where it was said among them. Raises Declined where there is no latent space.
    """
    if not evaluation.vae.latent:
        raise Declined("the report's density and coverage take a latent space; there is none")
    texts = evaluation.splits.kind == "texts"
    encoded = evaluation.encode(_decoded(evaluation) if texts else evaluation.generated_mean)
    generated = encoded.rsample(generator=evaluation.stream("report.density"))
    return density_coverage(evaluation.z, generated)


def _decoded(evaluation: Evaluation) -> Int[Tensor, "n t"]:
    """Returns the greedy text of each prior sample as it leaves the report's decoder.

    Raises Declined where the decoder is none of texts.
    """
    with evaluation.passes():
        decoder = evaluation.vae.decode(evaluation.generated_z)
        if not isinstance(decoder, AutoregressiveCategorical):
            raise Declined(f"a {type(decoder).__name__} has no greedy texts")
        return decoder.greedy(limit=TOKENS - 1)[:, 1:TOKENS]
