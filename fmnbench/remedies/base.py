"""What a remedy is: what goes around the VAE, what a batch costs, and how a step is taken."""

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor, nn

from fmnbench.architectures.base import VAE
from fmnbench.errors import ComponentError

Terms = Float[Tensor, "4"]  # loss, reconstruction, KL and critic of a batch: means over its rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Where in training a step stands; `step` and `epoch` count from 0."""

    step: int
    epoch: float  # epochs done, with the fraction of the current one
    epochs: int = 1  # of the whole training
    rows: int = 1  # of the training split

    @property
    def share(self) -> float:
        """The share of the whole training that is done, from 0 to 1."""
        return min(1.0, self.epoch / self.epochs)


class Batch:
    """A batch of rows x with one posterior sample z each: what a remedy's loss is made of.

    `reconstruction` is −log p(x|z) of each row, `kl` KL(q(z|x) || p(z)) by row and dimension,
    both in nats; `epsilon` are the standard normal numbers that z is made of.
    """

    def __init__(
        self, vae: VAE, x: Num[Tensor, "n x"], *, noise: Generator, progress: Progress
    ) -> None:
        self.vae, self.x, self.progress = vae, x, progress
        self._noise = noise
        self.q = vae.encode(x)
        self.epsilon: Float[Tensor, "n d"] = self.q.noise(generator=noise)
        self.z: Float[Tensor, "n d"] = self.q.at(self.epsilon)
        self.likelihood = vae.decode(self.z)
        self.reconstruction: Float[Tensor, " n"] = -self.likelihood.log_prob(x)
        self.kl: Float[Tensor, "n d"] = self.q.kl_from_standard()

    def log_weights(self, samples: int) -> Float[Tensor, "k n"]:
        """Returns log p(x, z_k) / q(z_k|x) of each row in nats; the first sample is `z`."""
        weights = [self._log_weight(self.z, -self.reconstruction)[None]]
        if samples > 1:
            z = self.q.rsample((samples - 1,), generator=self._noise)
            weights.append(self._log_weight(z, self.vae.decode(z).log_prob(self.x)))
        return torch.cat(weights)

    def _log_weight(
        self, z: Float[Tensor, "*k n d"], likelihood: Float[Tensor, "*k n"]
    ) -> Float[Tensor, "*k n"]:
        return likelihood + self.vae.prior.log_prob(z) - self.q.log_prob(z)

    def prior_draws(self) -> Float[Tensor, "n d"]:
        """Returns as many draws from the prior as there are rows."""
        return self.vae.prior.rsample((len(self.x),), generator=self._noise)


@runtime_checkable
class Training(Protocol):
    """What the training loop lends to a remedy for a step, or after an epoch."""

    @property
    def vae(self) -> VAE:
        """The VAE, with what the remedy put around it."""
        ...

    @property
    def progress(self) -> Progress:
        """Where in training this stands."""
        ...

    def inference(self) -> list[nn.Parameter]:
        """The weights that q(z|x) depends on, and the critic's."""
        ...

    def generative(self) -> list[nn.Parameter]:
        """The other weights of the VAE."""
        ...

    def batch(self, x: Num[Tensor, "n x"]) -> Batch:
        """Returns the batch of training rows with fresh noise."""
        ...

    def another(self) -> Batch:
        """Returns a batch of other training rows, from streams of its own."""
        ...

    def descend(self, batch: Batch, weights: Iterable[nn.Parameter] | None = None) -> Terms:
        """Takes one step down the loss, of these weights alone, or of all; returns its terms."""
        ...

    def reset(self, weights: Iterable[nn.Parameter]) -> None:
        """Gives weights their initial values again; optimiser and stopping start anew.

        A remedy that calls it says so by `resets`.
        """
        ...


class Remedy(nn.Module):
    """The base of all remedies; as it stands, the plain VAE. Settings are keyword-only arguments.

    State lives in buffers, which checkpoints save; weights to learn belong to what is `around`.
    """

    resets: ClassVar[bool] = False  # whether it calls Training.reset

    def around(self, vae: VAE) -> VAE:
        """Returns the VAE that is trained and measured; called once. May raise Declined."""
        return vae

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        """Returns each row's loss in nats; changes nothing."""
        return batch.reconstruction + batch.kl.sum(1)

    def step(self, training: Training, x: Num[Tensor, "n x"]) -> Terms:
        """Takes one training step; returns the terms of its loss."""
        return training.descend(training.batch(x))

    def after_epoch(self, training: Training, entry: Mapping[str, float]) -> None:
        """May change its state after an epoch; `entry` is the epoch's part of the curve."""


class Objective(Remedy):
    """The base of remedies that only weigh the two terms of the ELBO."""

    def forward(
        self,
        reconstruction: Float[Tensor, " n"],
        kl: Float[Tensor, "n d"],
        progress: Progress,
    ) -> Float[Tensor, " n"]:
        """Returns each row's loss in nats.

        `reconstruction` is −log p(x|z) of each row, `kl` KL(q(z|x) || p(z)) by dimension.
        """
        raise NotImplementedError

    def loss(self, batch: Batch) -> Float[Tensor, " n"]:
        loss: Tensor = self(batch.reconstruction, batch.kl, batch.progress)
        return loss


def row_losses(remedy: Remedy, batch: Batch) -> Float[Tensor, " n"]:
    """Returns a remedy's loss of each row; raises ComponentError, which names it, for others."""
    loss: object = remedy.loss(batch)
    if isinstance(loss, Tensor) and loss.shape == batch.reconstruction.shape:
        return loss
    found = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    raise ComponentError(
        f"The remedy {type(remedy).__name__} of {_file(remedy)} returned {found}; a loss has one "
        f"number for each of the {len(batch.x)} rows."
    )


def versions(weights: Iterable[nn.Parameter]) -> list[int]:
    """Returns how often each of the weights has been changed in place."""
    return [weight._version for weight in weights]


def require_unmoved(remedy: Remedy, weights: Iterable[nn.Parameter], before: list[int]) -> None:
    """Raises ComponentError, which names the remedy, where weights have changed since `before`."""
    if versions(weights) != before:
        raise ComponentError(
            f"The remedy {type(remedy).__name__} of {_file(remedy)} changes weights in `loss`; "
            "only `step` may, by `descend`."
        )


def _file(remedy: Remedy) -> str:
    return Path(inspect.unwrap(type(remedy).loss).__code__.co_filename).name
