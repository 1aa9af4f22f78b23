"""Warnings about a row that its numbers alone do not show."""

import math
from collections.abc import Collection, Mapping, Sequence

from fmnbench.board.base import Reference, Row
from fmnbench.board.columns import CEILINGS
from fmnbench.board.verdicts import jeffreys
from fmnbench.records.definitions import Definitions
from fmnbench.spec import Result

IGNORES_Z = 1e-3  # z_dependence: decoder variance over z per variance of the data
NO_GAIN = 0.1  # nats: z_gain, for decoders without a mean; by chance it is some hundredths
UNBOUNDED = "mi_upper"  # may pass its ceiling, and is a rough number there
NEAR_CEILING = 0.05  # share of a ceiling: an estimate this close may hide a larger truth


def row_flags(
    results: Mapping[int, Result], constant: float | None, model: Reference | None
) -> list[str]:
    """Returns what a reader must know of a row whose runs are all done.

    `constant` is the NLL of the best constant prediction, in nats, and `model` the trained model
    without a latent, if known.
    """
    flags = []
    blank = [] if constant is None else _not_below(constant, results)
    if blank:
        flags.append(
            f"the model has learned nothing{_where(blank, results)}: its importance-weighted NLL "
            f"does not beat the {constant:.2f} nats of the latent-free reference"
        )
    if model is not None:
        without_z = model.means["nll"]
        idle = [seed for seed in _not_below(without_z, results) if seed not in blank]
        if idle:
            flags.append(
                f"the latent adds no likelihood{_where(idle, results)}: the importance-weighted "
                f"NLL does not beat the {without_z:.2f} nats of the {model.label}"
            )
    unused = [seed for seed, result in results.items() if ignores_z(result)]
    if unused:
        flags.append(
            f"the decoder ignores z{_where(unused, results)}: its output hardly depends on the "
            f"latent{_share(len(results) - len(unused), len(results))}"
        )
    return flags


def is_ranked(results: Mapping[int, Result], constant: float | None) -> bool:
    """Whether a row counts in comparisons: no seed learned nothing, and one at least uses z.

    A model without a latent counts. `constant` is the NLL of the best constant prediction.
    """
    blank = constant is not None and bool(_not_below(constant, results))
    return not blank and not all(map(ignores_z, results.values()))


def is_mixed(results: Mapping[int, Result]) -> bool:
    """Whether the seeds of a row differ in whether they use z."""
    return len({ignores_z(result) for result in results.values()}) > 1


def _share(using: int, n: int) -> str:
    """Returns how many seeds use z, with the interval of that share; "" for none."""
    if using == 0:
        return ""
    low, high = jeffreys(using, n)
    return (
        f" ({using} of {n} seeds use{'s' * (using == 1)} z, 95 % interval "
        f"{100 * low:.0f}–{100 * high:.0f} %)"
    )


def _not_below(reference: float, results: Mapping[int, Result]) -> list[int]:
    """Returns the seeds whose NLL is no better than a reference's."""
    return [
        seed
        for seed, result in results.items()
        if result.metrics.get("nll", -math.inf) >= reference
    ]


def ignores_z(result: Result) -> bool:
    """Whether a decoder's output hardly depends on its latent."""
    metrics = result.metrics
    if "z_dependence" in metrics:
        return metrics["z_dependence"] < IGNORES_Z
    return metrics.get("z_gain", NO_GAIN) < NO_GAIN


def ceiling_flag(metric: str, value: float, ceilings: Mapping[str, float]) -> str | None:
    """Returns a warning if an information is so near its ceiling that the truth may be larger."""
    name = CEILINGS.get(metric)
    if name is None or name not in ceilings or value < (1 - NEAR_CEILING) * ceilings[name]:
        return None
    ceiling = ceilings[name]
    if metric == UNBOUNDED:
        return (
            f"the value is near or above {ceiling:.2f} nats, the most that this number of test "
            "rows can resolve: the information is large, but its size is uncertain"
        )
    return (
        f"the value is within 5 % of the ceiling of this estimate, {ceiling:.2f} nats: "
        "the information may be larger"
    )


def definition_flag(
    metric: str, results: Mapping[int, Result], here: Definitions, several: Collection[str]
) -> str | None:
    """Returns a warning if values were computed by a definition that is not today's.

    `several` are metrics, not registered here, of which a table holds several definitions.
    """
    if metric in several:
        return f"the values of {metric} were computed by several definitions, and are not compared"
    old = [seed for seed, result in results.items() if not here.holds(metric, result)]
    return f"computed by an older definition of {metric}{_where(old, results)}" if old else None


def _where(seeds: Sequence[int], results: Mapping[int, Result]) -> str:
    """Returns which runs of a row a warning is of, "" if it is of all."""
    return "" if len(seeds) == len(results) else f" with {seed_list(seeds)}"


def seed_list(seeds: Sequence[int]) -> str:
    """Returns "seed 2" or "seeds 0, 2"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def no_baseline(rows: Sequence[Row]) -> str | None:
    """Returns why no row of a table is compared with the plain VAE, None if one may be."""
    others = [row for row in rows if not row.is_plain and not row.stale and _has_nll(row)]
    plain = [row for row in rows if row.is_plain and not row.stale]
    if not others or any(map(_has_nll, plain)):
        return None
    lack = "the plain VAE lacks runs" if plain else "there is no plain VAE in this table"
    return f"{lack}: no row has a difference from it"


def _has_nll(row: Row) -> bool:
    return "nll" in row.cells and row.cells["nll"].mean is not None
