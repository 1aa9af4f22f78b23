"""What the loop lends to a remedy: batches, steps, and weights by their part in the model."""

from collections.abc import Iterable

import torch
from jaxtyping import Int, Num
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.nn.precision import autocast
from fmnbench.remedies.base import Batch, Progress, Terms, require_unmoved, versions
from fmnbench.rng import SideStream, isolated
from fmnbench.spec import RunSpec
from fmnbench.training.batches import shuffled
from fmnbench.training.model import Model, Streams
from fmnbench.training.stopping import Stopping

PROBED = 2  # training rows that are encoded to see which weights the posterior depends on


class Steps:
    """The training steps of one run; a remedy's `Training`."""

    def __init__(
        self,
        model: Model,
        splits: Splits,
        spec: RunSpec,
        *,
        streams: Streams,
        optimizer: Optimizer,
        stopping: Stopping,
    ) -> None:
        self.model, self.splits, self.spec = model, splits, spec
        self._streams, self._optimizer, self._stopping = streams, optimizer, stopping
        self._weights = model.parameters()
        initial = self._weights if model.remedy.resets else []
        self._initial = {id(weight): weight.detach().clone() for weight in initial}
        self._parts: tuple[list[nn.Parameter], list[nn.Parameter]] | None = None
        self._others: list[Int[Tensor, " b"]] = []
        self.progress = self._progress_at(0.0, step=0)
        self._side = self._side_of(0)

    @property
    def vae(self) -> VAE:
        """The VAE, with what the remedy put around it."""
        return self.model.vae

    def inference(self) -> list[nn.Parameter]:
        """The weights that q(z|x) depends on, and the critic's."""
        return self._split()[0]

    def generative(self) -> list[nn.Parameter]:
        """The other weights of the VAE."""
        return self._split()[1]

    def epoch(self, epoch: int) -> list[Int[Tensor, " b"]]:
        """Starts an epoch, from 0; returns the training rows of each of its batches."""
        self._side = self._side_of(epoch)
        self._others = []  # so that an epoch does not depend on what was left of the last one
        return self._batches(self._streams.order)

    def at(self, epoch: float, step: int) -> None:
        """Notes where in training the next step stands; both count from 0."""
        self.progress = self._progress_at(epoch, step=step)

    def visit(self, rows: Int[Tensor, " b"]) -> Num[Tensor, "b x"]:
        """Returns training rows as the model sees them this time."""
        return self.splits.visit(rows, self._streams.pixels)

    def batch(self, x: Num[Tensor, "n x"]) -> Batch:
        """Returns the batch of training rows with fresh noise."""
        return self._pass(x, self._streams.noise)

    def another(self) -> Batch:
        """Returns a batch of other training rows, from streams of its own."""
        if not self._others:
            self._others = self._batches(self._streams.other_order)
        rows = self._others.pop()
        x = self.splits.visit(rows, self._streams.other_pixels)
        return self._pass(x, self._streams.other_noise)

    def descend(self, batch: Batch, weights: Iterable[nn.Parameter] | None = None) -> Terms:
        """Takes one step down the loss, of these weights alone, or of all; returns its terms."""
        model, track = self.model, self.spec.track
        before = versions(self._weights)
        with autocast(track.precision, batch.x.device):
            loss, terms = model.losses(batch, self._side)
        require_unmoved(model.remedy, self._weights, before)
        self._optimizer.zero_grad(set_to_none=True)
        if weights is None:
            loss.backward()
        else:
            loss.backward(inputs=list(weights))
        if track.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self._weights, track.gradient_clip)
        self._optimizer.step()
        return terms

    @torch.no_grad()
    def reset(self, weights: Iterable[nn.Parameter]) -> None:
        """Gives weights their initial values again; optimiser and stopping start anew."""
        assert self._initial, f"{type(self.model.remedy).__name__}.resets is not set"
        for weight in weights:
            weight.copy_(self._initial[id(weight)])
        self._optimizer.state.clear()
        self._stopping.restart()

    def _pass(self, x: Num[Tensor, "n x"], noise: Generator) -> Batch:
        with autocast(self.spec.track.precision, x.device):
            return self.model.batch(x, noise, self.progress)

    def _batches(self, order: Generator) -> list[Int[Tensor, " b"]]:
        track = self.spec.track
        return shuffled(self.splits, track.batch_size, order, length_pool=track.length_pool)

    def _split(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Returns inference and generative weights: those that an encoding has gradients of."""
        if self._parts is None:
            vae = self.model.vae
            weights = [weight for weight in vae.parameters() if weight.requires_grad]
            with isolated(self.spec.seed, "probe", self.splits.train.device), torch.enable_grad():
                rate = vae.encode(self.splits.train[:PROBED]).kl_from_standard().sum()
                found = (
                    torch.autograd.grad(rate, weights, allow_unused=True)
                    if rate.requires_grad
                    else (None,) * len(weights)  # a model without a latent
                )
            pairs = list(zip(weights, found, strict=True))
            reached = [weight for weight, gradient in pairs if gradient is not None]
            others = [weight for weight, gradient in pairs if gradient is None]
            self._parts = ([*reached, *self.model.critic.parameters()], others)
        return self._parts

    def _progress_at(self, epoch: float, *, step: int) -> Progress:
        rows = len(self.splits.train)
        return Progress(step=step, epoch=epoch, epochs=self.spec.track.epochs, rows=rows)

    def _side_of(self, epoch: int) -> SideStream:
        return SideStream(self.spec.seed, f"critic/{epoch}", self.splits.train.device)
