"""The training loop: one for all tracks, critics and objectives."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from fmnbench.architectures.base import VAE
from fmnbench.critics.base import Critic, contrast
from fmnbench.datasets.base import Splits
from fmnbench.errors import Diverged
from fmnbench.metrics.information import minibatch_mutual_information
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.nn.precision import autocast
from fmnbench.objectives.base import Objective, Progress
from fmnbench.rng import SideStream, isolated, stream
from fmnbench.spec import RunSpec, Track
from fmnbench.training.batches import shuffled
from fmnbench.training.checkpoint import Checkpoint, Progression, Trained
from fmnbench.training.stopping import Stopping

TERMS = ("loss", "reconstruction", "kl", "critic")

EpochReport = Callable[[int, dict[str, float]], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The three parts that a loss is made of, and λ."""

    vae: VAE
    critic: Critic
    objective: Objective
    lambda_: float

    def losses(
        self, x: Num[Tensor, "n x"], noise: Generator, progress: Progress, side: SideStream
    ) -> tuple[Float[Tensor, ""], Float[Tensor, " 4"], DiagonalNormal, Float[Tensor, "n d"]]:
        """Returns a batch's loss, its four terms (without gradients), posterior and its noise.

        loss = mean of the objective over rows + λ · critic, in nats. What critic and objective
        draw from the global generator is of the `side` stream, and moves no dropout of the VAE.
        """
        q = self.vae.encode(x)
        epsilon = q.noise(generator=noise)
        z = q.at(epsilon)
        reconstruction = -self.vae.decode(z).log_prob(x)
        kl = q.kl_from_standard()
        with side:
            critic = contrast(self.critic, x, z, q)
            loss = self.objective(reconstruction, kl, progress).mean() + self.lambda_ * critic
        with torch.no_grad():
            # the mean over no dimensions would be no number
            rate = kl.mean() * kl.shape[1] if kl.shape[1] else kl.sum()
            terms = torch.stack([loss, reconstruction.mean(), rate, critic])
        return loss, terms, q, epsilon

    def modules(self) -> dict[str, nn.Module]:
        """Returns the trained parts by name."""
        return {"vae": self.vae, "critic": self.critic, "objective": self.objective}

    def parameters(self) -> list[nn.Parameter]:
        """Returns every parameter once."""
        return [weight for part in self.modules().values() for weight in part.parameters()]

    def train(self, mode: bool) -> None:
        """Puts all parts into training or evaluation mode."""
        for part in self.modules().values():
            part.train(mode)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Streams:
    """The independent generators of one run: order of rows, posterior noise, binarisation."""

    order: Generator
    noise: Generator
    pixels: Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> "Streams":
        """Returns the streams of a seed; they do not depend on the method."""
        return cls(
            order=stream(seed, "train/order"),
            noise=stream(seed, "train/noise", device),
            pixels=stream(seed, "train/pixels", device),
        )


def train(
    model: Model, splits: Splits, spec: RunSpec, *, checkpoint: Path | None, report: EpochReport
) -> Trained:
    """Trains in place from the checkpoint on, if there is one; returns curve, costs, best epoch.

    Raises Diverged when a loss is not finite. `report` is called with each epoch's entry.
    """
    track = spec.track
    streams = Streams.of(spec.seed, splits.train.device)
    optimizer = _optimizer(model, track)
    stopping = Stopping(track, model.modules(), optimizer)
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
                entry = _epoch(model, splits, spec, streams, optimizer, progression.epoch)
            progression.epoch += 1
            if progression.epoch % track.validate_every == 0:
                entry |= validate(model, splits, track, spec.seed, progression.epoch)
                stopping.note(entry, progression.epoch)
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


def _epoch(
    model: Model,
    splits: Splits,
    spec: RunSpec,
    streams: Streams,
    optimizer: Optimizer,
    epoch: int,
) -> dict[str, float]:
    """Takes one pass over the training rows in a new order; returns its mean terms."""
    model.train(True)
    track = spec.track
    n, device = len(splits.train), splits.train.device
    side = SideStream(spec.seed, f"critic/{epoch}", device)
    batches = shuffled(splits, track.batch_size, streams.order, length_pool=track.length_pool)
    steps = len(batches)
    parameters = model.parameters()
    totals = torch.zeros(len(TERMS), dtype=torch.float64, device=device)
    for step, rows in enumerate(batches):
        x = splits.visit(rows, streams.pixels)
        progress = Progress(step=epoch * steps + step, epoch=epoch + step / steps)
        with autocast(track.precision, device):
            loss, terms, _, _ = model.losses(x, streams.noise, progress, side)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if track.gradient_clip is not None:
            nn.utils.clip_grad_norm_(parameters, track.gradient_clip)
        optimizer.step()
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
    progress = Progress(step=steps, epoch=float(epoch))
    side = SideStream(seed, f"validation/critic/{epoch}", rows.device)
    totals = torch.zeros(len(TERMS), dtype=torch.float64, device=rows.device)
    latents: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    with isolated(seed, f"validation/global/{epoch}", rows.device):
        for x in rows.split(track.batch_size):
            with autocast(track.precision, rows.device):
                _, terms, q, epsilon = model.losses(x, noise, progress, side)
            totals.add_(terms, alpha=len(x) / len(rows))
            latents.append((q.at(epsilon), q.mean, q.log_variance, epsilon))
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
