"""The training loop: one for all tracks, critics and remedies."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from fmnbench.datasets.base import Splits
from fmnbench.errors import Diverged
from fmnbench.metrics.information import minibatch_mutual_information
from fmnbench.nn.precision import autocast
from fmnbench.remedies.base import Progress
from fmnbench.rng import SideStream, isolated, stream
from fmnbench.spec import RunSpec, Track
from fmnbench.training.checkpoint import Checkpoint, Progression, Trained
from fmnbench.training.model import TERMS, Model, Streams
from fmnbench.training.steps import Steps
from fmnbench.training.stopping import Stopping

EpochReport = Callable[[int, dict[str, float]], None]


def train(
    model: Model, splits: Splits, spec: RunSpec, *, checkpoint: Path | None, report: EpochReport
) -> Trained:
    """Trains in place from the checkpoint on, if there is one; returns curve, costs, best epoch.

    Raises Diverged when a loss is not finite. `report` is called with each epoch's entry.
    """
    track = spec.track
    streams = Streams.of(spec.seed, splits.train.device)
    optimizer = _optimizer(model, track)
    # a remedy goes on where the weights go back: its phases and multipliers are not of an epoch
    stopping = Stopping(track, {"vae": model.vae, "critic": model.critic}, optimizer)
    steps = Steps(model, splits, spec, streams=streams, optimizer=optimizer, stopping=stopping)
    saved = Checkpoint(
        path=checkpoint or Path(),
        parts={**model.modules(), "optimizer": optimizer, "stopping": stopping},
        generators=vars(streams),
    )
    progression = saved.load() if checkpoint else Progression()
    while progression.epoch < track.epochs and not stopping.is_over:
        started, processor_started = time.perf_counter(), time.process_time()
        try:
            with isolated(spec.seed, f"dropout/{progression.epoch}", splits.train.device):
                entry = _epoch(steps, progression.epoch)
            progression.epoch += 1
            if progression.epoch % track.validate_every == 0:
                entry |= validate(model, splits, track, spec.seed, progression.epoch)
                stopping.note(entry, progression.epoch)
            with isolated(spec.seed, f"remedy/{progression.epoch}", splits.train.device):
                model.remedy.after_epoch(steps, entry)
        except Diverged as error:
            error.curve = tuple(progression.curve)
            raise
        progression.curve.append(entry)
        progression.seconds += time.perf_counter() - started
        progression.processor_seconds += time.process_time() - processor_started
        if checkpoint:
            saved.save(progression)
        report(progression.epoch, entry)
    stopping.restore()
    return Trained(**vars(progression), best=stopping.best.after(progression.epoch))


def _epoch(steps: Steps, epoch: int) -> dict[str, float]:
    """Takes one pass over the training rows in a new order; returns its mean terms."""
    steps.model.train(True)
    n, device = len(steps.splits.train), steps.splits.train.device
    batches = steps.epoch(epoch)
    totals = torch.zeros(len(TERMS), dtype=torch.float64, device=device)
    for place, rows in enumerate(batches):
        steps.at(epoch + place / len(batches), epoch * len(batches) + place)
        terms = steps.model.remedy.step(steps, steps.visit(rows))
        totals.add_(terms, alpha=len(rows) / n)
    entry = {"epoch": epoch + 1.0} | dict(zip(TERMS, totals.tolist(), strict=True))
    _require_finite(entry, "training")
    return entry


@torch.no_grad()
def validate(
    model: Model, splits: Splits, track: Track, seed: int, epoch: int
) -> dict[str, float]:
    """Returns the loss terms and the minibatch information of the validation rows, in nats.

    The terms are those of training, λ · critic included, at batches of the training size.
    """
    model.train(False)
    rows = splits.validation
    noise = stream(seed, f"validation/{epoch}", rows.device)
    steps = epoch * math.ceil(len(splits.train) / track.batch_size)
    progress = Progress(
        step=steps, epoch=float(epoch), epochs=track.epochs, rows=len(splits.train)
    )
    side = SideStream(seed, f"validation/critic/{epoch}", rows.device)
    totals = torch.zeros(len(TERMS), dtype=torch.float64, device=rows.device)
    latents: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    with isolated(seed, f"validation/global/{epoch}", rows.device):
        for x in rows.split(track.batch_size):
            with autocast(track.precision, rows.device):
                batch = model.batch(x, noise, progress)
                _, terms = model.losses(batch, side)
            totals.add_(terms, alpha=len(x) / len(rows))
            latents.append((batch.z, batch.q.mean, batch.q.log_variance, batch.epsilon))
    names = [f"validation.{name}" for name in TERMS]
    entry = dict(zip(names, totals.tolist(), strict=True))
    _require_finite(entry | {"epoch": float(epoch)}, "validation")
    z, mean, log_variance, epsilon = (torch.cat(parts) for parts in zip(*latents, strict=True))
    try:
        information = minibatch_mutual_information(
            z, mean, log_variance, track.batch_size, noise=epsilon
        )
    except ValueError:  # no digits left in float64: no number, but the training is as good as ever
        information = math.nan
    return entry | {"validation.mi_batch": information}


def _optimizer(model: Model, track: Track) -> Optimizer:
    parameters = _parameter_groups(model)
    rate, decay = track.learning_rate, track.weight_decay
    if track.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)
    kind = torch.optim.AdamW if track.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, weight_decay=decay, fused=True)


def _parameter_groups(model: Model) -> list[dict[str, object]]:
    """The parameters as an optimiser takes them; a critic with its own rate is a second group."""
    own_rate = model.critic.own_learning_rate
    if own_rate is None:
        return [{"params": model.parameters()}]
    of_critic = list(model.critic.parameters())
    theirs = {id(weight) for weight in of_critic}
    others = [weight for weight in model.parameters() if id(weight) not in theirs]
    return [{"params": others}, {"params": of_critic, "lr": own_rate}]


def _require_finite(entry: dict[str, float], phase: str) -> None:
    for name, value in entry.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} in {phase} epoch {entry['epoch']:.0f}")
