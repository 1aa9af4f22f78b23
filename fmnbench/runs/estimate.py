"""What a run will cost, told from a few of its steps; nothing is kept of them."""

import dataclasses
import math
import time
from collections.abc import Callable

import torch
from jaxtyping import Num
from torch import Tensor

from fmnbench.datasets.base import Splits
from fmnbench.metrics.likelihood import ROWS, nll
from fmnbench.metrics.report_protocol import DRAWS
from fmnbench.planning.costs import Cost
from fmnbench.rng import stream
from fmnbench.runs.evaluation import evaluation_of
from fmnbench.runs.run import build, load
from fmnbench.spec import RunSpec
from fmnbench.training.loop import train, validate
from fmnbench.training.model import Model

ENOUGH = 1.0  # seconds of work that tell the rest
DRAWN = 64  # rows drawn from the prior at a time


def estimate(spec: RunSpec, *, device: str, threads: int, enough: float = ENOUGH) -> Cost:
    """Returns the rough cost of a run: loading, all epochs, all likelihoods and the draws.

    Steps of each are timed for some seconds, with random rows and untrained weights; that
    training may stop early is not foreseen. Raises Declined where the run's parts do not fit.
    """
    torch.set_num_threads(threads)
    started = time.perf_counter()
    splits, _ = load(spec, torch.device(device))
    loading = time.perf_counter() - started
    model = build(spec, splits)
    sample, samples = _likelihood(spec, model, splits, enough)
    return Cost(
        run=loading
        + _training(spec, model, splits, enough)
        + sample * sum(samples)
        + _draws(spec, model, splits, enough),
        nll=sample * (samples[0] + samples[2]),
        rough=True,
    )


def _training(spec: RunSpec, model: Model, splits: Splits, enough: float) -> float:
    """Returns the seconds of all training steps and validations."""
    track, rows = spec.track, spec.track.batch_size
    steps = math.ceil(len(splits.train) / rows)
    batches = math.ceil(len(splits.validation) / rows)
    once = dataclasses.replace(track, epochs=1, validate_every=2)
    short = dataclasses.replace(spec, track=once)

    def step(count: int) -> None:
        few = splits.with_rows(train=_some(splits.train, count * rows))
        train(model, few, short, checkpoint=None, report=lambda _epoch, _entry: None)

    def check(count: int) -> None:
        few = splits.with_rows(validation=_some(splits.validation, count * rows))
        validate(model, few, track, spec.seed, 1)

    validations = track.epochs // track.validate_every
    return (
        _seconds(step, steps, enough) * steps * track.epochs
        + _seconds(check, batches, enough) * batches * validations
    )


def _likelihood(
    spec: RunSpec, model: Model, splits: Splits, enough: float
) -> tuple[float, tuple[int, int, int]]:
    """Returns the seconds of one sample of z for every judged row, and how many samples it takes.

    These are those of the importance-weighted NLL and, where they are computed, of the report's
    and of the NLL after an epoch that was better than the last.
    """
    whole = evaluation_of(model.vae, splits, spec)
    some = _some(whole.x, ROWS)

    def sample(count: int) -> None:
        track = dataclasses.replace(spec.track, nll_samples=count)
        few = splits.with_rows(**{spec.judged: some})
        nll(evaluation_of(model.vae, few, dataclasses.replace(spec, track=track)))

    wants_report = spec.judged == "test" and spec.track.report_metrics
    of_report = whole.samples(DRAWS) if wants_report else 0
    of_nll, track = whole.samples(spec.track.nll_samples), spec.track
    ends_with_best = track.plateau is not None or track.epochs < track.validate_every
    of_best = 0 if ends_with_best or spec.judged != "test" else of_nll
    samples = of_nll, of_report, of_best
    return _seconds(sample, max(samples), enough) * whole.n / len(some), samples


def _draws(spec: RunSpec, model: Model, splits: Splits, enough: float) -> float:
    """Returns the seconds of as many draws from the prior as there are judged rows."""
    rows = evaluation_of(model.vae, splits, spec).x
    blocks = math.ceil(len(rows) / DRAWN)

    def draw(count: int) -> None:
        few = splits.with_rows(**{spec.judged: rows[: count * DRAWN]})
        # a sum waits for an accelerator
        evaluation_of(model.vae, few, spec).generated.sum().item()

    return _seconds(draw, blocks, enough) * blocks


def _some(rows: Num[Tensor, "n x"], count: int) -> Num[Tensor, "m x"]:
    """Returns random rows: texts may be sorted by length."""
    order = torch.randperm(len(rows), generator=stream(0, "estimate"))
    return rows[order[:count].to(rows.device)]


def _seconds(work: Callable[[int], None], most: int, enough: float) -> float:
    """Returns the seconds of one unit of work, of which a call does some, at most so many.

    The first call warms up; then more and more are done until they take long enough.
    """
    work(1)
    count = 1
    while True:
        started = time.perf_counter()
        work(count)
        seconds = time.perf_counter() - started
        if seconds >= enough or count >= most:
            return seconds / count
        count = min(2 * count, most)
