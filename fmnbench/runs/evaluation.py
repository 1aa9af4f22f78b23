"""The metrics of a trained model, each computed by itself."""

import math
import numbers
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics.base import BestEpoch, Evaluation
from fmnbench.metrics.likelihood import nll_of_rows
from fmnbench.records.definitions import wanted
from fmnbench.records.rows import packed
from fmnbench.registry import metrics
from fmnbench.rng import isolated
from fmnbench.runs.causes import is_of_the_machine, one_line, status_of
from fmnbench.spec import RowFile, RunSpec


class Clock:
    """Wall seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Books the time since the last lap to a phase."""
        now = time.perf_counter()
        self.seconds[phase] = now - self._since
        self._since = now


def evaluation_of(
    vae: VAE, splits: Splits, spec: RunSpec, best: BestEpoch | None = None
) -> Evaluation:
    """Returns the evaluation of a run's VAE on the split that judges it, as its track says."""
    return Evaluation(
        vae,
        splits,
        seed=spec.seed,
        batch_size=spec.track.batch_size,
        nll_samples=spec.track.nll_samples,
        precision=spec.track.precision,
        judged=spec.judged,
        best=best,
    )


class Measured(NamedTuple):
    """Metrics: values, the causes of those that are broken, versions of all, declined too.

    `plugins` are the SHA-256 of the files that plug-ins' metrics come from; `rows` is the file of
    −log p(x) of each test row, where the NLL is among the metrics.
    """

    values: dict[str, float]
    broken: dict[str, str]
    versions: dict[str, str]
    plugins: dict[str, str]
    rows: tuple[RowFile, bytes] | None = None


def evaluate(
    vae: VAE, splits: Splits, spec: RunSpec, clock: Clock, best: BestEpoch | None = None
) -> Measured:
    """Returns `measure` of each metric that a run wants."""
    return measure(evaluation_of(vae, splits, spec, best), wanted(spec), clock)


def measure(evaluation: Evaluation, names: Iterable[str], clock: Clock) -> Measured:
    """Returns those of the metrics that apply, and the causes of those that are broken.

    A metric that raises an error or is not finite costs no other its value, and one that draws
    from torch's global generator gets the same draws whichever metrics came before. Books the
    seconds of each.
    """
    measured = Measured({}, {}, {}, {})
    values, broken, versions, plugins, _ = measured
    for name in names:
        versions[name] = metrics.version(name)
        plugins |= metrics.sources(name)
        try:
            metric = metrics.get(name)
            with isolated(evaluation.seed, f"metric/{name}", evaluation.x.device):
                value = _number(metric(evaluation))
        except Declined:
            continue  # a metric of other architectures: the record simply does not have it
        except Exception as error:  # noqa: BLE001, RUF100 - whatever a metric raises is recorded
            if status_of(error) == "out_of_memory" or is_of_the_machine(error):
                raise
            broken[name] = one_line(error)
        else:
            if math.isfinite(value):
                values[name] = value
            else:
                broken[name] = f"is {value}"
        clock.lap(f"metric.{name}")
    if "nll" not in values or evaluation.judged != "test":
        return measured
    return measured._replace(rows=packed(nll_of_rows(evaluation).cpu().numpy()))


def _number(value: object) -> float:
    """A metric's value as a float; TypeError where it is not one real number."""
    if isinstance(value, torch.Tensor | np.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise TypeError(f"a metric returns one number, not a {type(value).__name__}")
    return float(value)
