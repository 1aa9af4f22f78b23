"""Density and coverage: how far draws lie among real rows, and how many of those they reach."""

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.metrics.base import Evaluation, require_finite
from fmnbench.metrics.embedding import embedding
from fmnbench.metrics.neighbours import neighbour_distances, rows_within
from fmnbench.registry import metrics

NEIGHBOURS = 5  # k of Naeem et al. (2020), sec. 4.1


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhoods:
    """Real rows, each with a ball around it that reaches to its k-th nearest other real row."""

    real: Float[Tensor, "n e"]
    radii: Float[Tensor, " n"]
    k: int

    @torch.no_grad()
    def density_coverage(self, generated: Float[Tensor, "m e"]) -> tuple[float, float]:
        """Returns density (0 up; 1 in expectation of equal distributions) and coverage (0 to 1).

        Raises ValueError where the generated rows are none or not finite.
        """
        if len(generated) == 0:
            raise ValueError("density and coverage take one generated row or more; given 0")
        require_finite(generated, "generated")
        counts = rows_within(self.real, self.radii, generated)
        density = counts.sum().item() / (self.k * len(generated))
        return density, (counts > 0).double().mean().item()


@torch.no_grad()
def neighbourhoods(real: Float[Tensor, "n e"], k: int = NEIGHBOURS) -> Neighbourhoods:
    """Returns the neighbourhoods of real rows, to hold several generated sets against.

    Raises ValueError where k is not from 1 to the number of other rows, or a value not finite.
    """
    if not 1 <= k < len(real):
        raise ValueError(f"k is {k}; with {len(real)} real rows it must be 1 to {len(real) - 1}")
    require_finite(real, "real")
    return Neighbourhoods(real=real, radii=neighbour_distances(real, k), k=k)


def density_coverage(
    real: Float[Tensor, "n e"], generated: Float[Tensor, "m e"], k: int = NEIGHBOURS
) -> tuple[float, float]:
    """Returns density and coverage of generated rows among real ones (Naeem et al. 2020, sec. 3).

    Density is the mean number of real neighbourhoods a generated row lies in, over k; coverage the
    share of them that hold any. A neighbourhood is all strictly nearer than the k-th nearest other
    real row. Values compare only at equal numbers of rows, k and embedding. Raises ValueError
    for too few rows or values that are not finite.
    """
    return neighbourhoods(real, k).density_coverage(generated)


@metrics.register(
    "density",
    unit="ratio",
    better="higher",
    source="Naeem et al. 2020",
    version=2,
    moved={2: ("texts",)},
)
def density(evaluation: Evaluation) -> float:
    """Mean share of k = 5 real neighbourhoods around a draw from the model, in fixed features."""
    return evaluation.once(_drawn_against_test)[0]


@metrics.register(
    "coverage",
    unit="ratio",
    better="higher",
    source="Naeem et al. 2020",
    version=2,
    moved={2: ("texts",)},
)
def coverage(evaluation: Evaluation) -> float:
    """Share of test rows with a draw from the model in their k = 5 neighbourhood."""
    return evaluation.once(_drawn_against_test)[1]


def against_test_rows(evaluation: Evaluation, x: Num[Tensor, "m x"]) -> tuple[float, float]:
    """Returns density and coverage of any rows among the test rows, in the fixed features."""
    features = evaluation.once(_features)
    return evaluation.once(_test_neighbourhoods).density_coverage(features(x))


def _features(evaluation: Evaluation) -> Callable[[Tensor], Tensor]:
    return embedding(evaluation.splits)


def _test_neighbourhoods(evaluation: Evaluation) -> Neighbourhoods:
    return neighbourhoods(evaluation.once(_features)(evaluation.x))


def _drawn_against_test(evaluation: Evaluation) -> tuple[float, float]:
    return against_test_rows(evaluation, evaluation.generated)
