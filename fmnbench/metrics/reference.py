"""What a model must beat to have learned anything: real rows, a constant, a decoder without z."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fmnbench.errors import Declined
from fmnbench.metrics.base import Evaluation
from fmnbench.metrics.density_coverage import against_test_rows
from fmnbench.nn.distributions import (
    AutoregressiveBernoulli,
    IndependentBernoulli,
    IsotropicNormal,
    Likelihood,
)
from fmnbench.nn.lengths import text_lengths
from fmnbench.registry import metrics
from fmnbench.rng import stream

REFERENCE_SEED = 0  # one reference for all seeds of a track
PSEUDO_COUNT = 1  # of each value of a bit: Laplace's rule of succession


@metrics.register(
    "reference.nll", unit="nats", better=None, source="fmnbench, latent-free reference", version=1
)
@torch.no_grad()
def reference_nll(evaluation: Evaluation) -> float:
    """−log p(x) of the best constant prediction: a model above it has learned nothing.

    The training mean under the architecture's likelihood, mean over test rows. A bit's probability
    is (ones + 1) / (rows + 2), so that one never seen in training still has a finite cost. Of
    texts it is how often each word is due in training, anywhere, plus 1.
    """
    if evaluation.splits.kind == "texts":
        splits = evaluation.splits
        frequencies = word_frequencies(splits.train, splits.inputs)
        return -frequencies.log()[_due(evaluation.x)].sum().item() / evaluation.n
    weight = next(evaluation.vae.parameters())
    z = torch.zeros(1, evaluation.vae.latent, dtype=weight.dtype, device=weight.device)
    constant = constant_prediction(evaluation.vae.decode(z), evaluation.splits.train)
    return -constant.log_prob(evaluation.x.double()).mean().item()


@metrics.register(
    "reference.density", unit="ratio", better=None, source="Naeem et al. 2020", version=1
)
def reference_density(evaluation: Evaluation) -> float:
    """Density of training rows among test rows: what a perfect model would reach."""
    return evaluation.once(_real_against_real)[0]


@metrics.register(
    "reference.coverage", unit="ratio", better=None, source="Naeem et al. 2020", version=1
)
def reference_coverage(evaluation: Evaluation) -> float:
    """Coverage of test rows by training rows: what a perfect model would reach."""
    return evaluation.once(_real_against_real)[1]


@metrics.register(
    "z_dependence",
    unit="ratio",
    better="higher",
    source="fmnbench, latent-free reference",
    version=1,
)
@torch.no_grad()
def z_dependence(evaluation: Evaluation) -> float:
    """Variance of the decoder's mean over z ~ p(z) per variance of test rows; 0 ignores z.

    Both are population variances summed over the outputs. Raises Declined where the test rows
    are all the same, or the decoder has no mean.
    """
    _ = evaluation.vae.decode(evaluation.z[:1]).mean  # Declined
    data = evaluation.x.double().var(0, correction=0).sum().item()
    if data == 0:
        raise Declined("z_dependence is undefined: the test rows are all the same")
    return evaluation.generated_mean.double().var(0, correction=0).sum().item() / data


@metrics.register(
    "z_gain", unit="nats", better=None, source="fmnbench, latent-free reference", version=1
)
@torch.no_grad()
def z_gain(evaluation: Evaluation) -> float:
    """How far log p(x|z) falls with the z of another test row, mean over test rows; 0 ignores z.

    Rows in a random order each take the z of the next. Raises Declined below two test rows.
    """
    if evaluation.n < 2:
        raise Declined("z_gain takes two test rows or more; there is one")
    order = torch.randperm(
        evaluation.n, generator=evaluation.stream("z_gain"), device=evaluation.x.device
    )
    z = torch.empty_like(evaluation.z)
    z[order] = evaluation.z[order.roll(1)]
    return -(evaluation.log_prob(z) + evaluation.reconstruction).mean().item()


def constant_prediction(like: Likelihood, train: Float[Tensor, "n x"]) -> Likelihood:
    """Returns the one distribution for all rows that fits training best, of a likelihood's kind.

    Of bits, whether or not the likelihood takes them as independent, those that are. Raises
    Declined for a kind that is neither Gaussian nor Bernoulli.
    """
    rows = train.double()
    if isinstance(like, IsotropicNormal):
        return IsotropicNormal(rows.mean(0), like.variance.flatten()[0].item())
    if isinstance(like, IndependentBernoulli | AutoregressiveBernoulli):
        ones, zeros = rows.sum(0), (1 - rows).sum(0)
        return IndependentBernoulli(((ones + PSEUDO_COUNT) / (zeros + PSEUDO_COUNT)).log())
    raise Declined(f"there is no constant prediction for a {type(like).__name__}")


def word_frequencies(train: Int[Tensor, "n t"], words: int) -> Float[Tensor, " v"]:
    """Returns the probability of each word wherever one is due, from counts plus 1 in float64."""
    counts = torch.bincount(_due(train), minlength=words).double() + PSEUDO_COUNT
    return counts / counts.sum()


def _due(rows: Int[Tensor, "n t"]) -> Int[Tensor, " m"]:
    """Returns all ids that a model of texts is asked for: </s> is one, <s> and padding are not."""
    places = torch.arange(1, rows.shape[1], device=rows.device)
    return rows[:, 1:][places < text_lengths(rows)[:, None]].long()


def _real_against_real(evaluation: Evaluation) -> tuple[float, float]:
    """Returns density and coverage of as many training rows as there are test rows, or all."""
    train = evaluation.splits.train
    generator = stream(REFERENCE_SEED, "reference", train.device)
    order = torch.randperm(len(train), generator=generator, device=train.device)
    rows = evaluation.splits.visit(order[: evaluation.n], generator)
    return against_test_rows(evaluation, rows)
