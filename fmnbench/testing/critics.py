"""The contract of critics."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.architectures.mlp import MLP
from fmnbench.critics.base import Critic, contrast
from fmnbench.errors import ComponentError
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import critics
from fmnbench.rng import isolated, stream
from fmnbench.testing.gradients import learns, require_gradients

ROWS, WIDTH = 32, 12
SEEDS = 8  # draws of a critic that is stochastic, for what holds in the mean
ERRORS = 5  # standard errors of such a mean that are chance
ATOL = 1e-5  # float32 sums of a few dozen terms


def check_critic(name: str) -> None:
    """The loss is a finite scalar, does not depend on row order, and teaches encoder and critic.

    It repeats under a seed: what it draws, dropout included, comes from torch's global generator.
    Its forward leaves the VAE's weights, buffers and modes as they are. Row order and bounds are
    looked at in evaluation mode, in the mean over draws; gradients in training mode. One that
    claims to bound information scores log n where rows cannot be told apart, and never exceeds
    the exact information of a Gaussian channel by more than chance.
    """
    make = critics.get(name)
    pair, twin = _Pair.made(make, name), _Pair.made(make, name)
    for training in (True, False):
        loss, again = pair.train(training).loss(), twin.train(training).loss()
        assert loss.isfinite(), f"{name}'s loss is {loss.item()}"
        assert torch.equal(loss, again), f"{name} does not repeat under a seed"
        if training:
            _check_gradients(pair, loss)
    _check_order(pair)
    if pair.critic.bounds_information:
        _check_bound(name, make)


class _Marked(MLP):
    """An mlp with a buffer, which no critic may change."""

    def __init__(self, width: int, hidden: tuple[int, ...], latent: int) -> None:
        super().__init__(width, hidden=hidden, latent=latent)
        self.register_buffer("mark", torch.ones(()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Pair:
    """A small VAE with a critic, both of a fixed seed."""

    vae: MLP
    critic: Critic
    name: str

    @classmethod
    def made(
        cls,
        make: Callable[[VAE], Critic],
        name: str,
        width: int = WIDTH,
        hidden: tuple[int, ...] = (16, 8),
        latent: int = 3,
    ) -> "_Pair":
        with isolated(0, "check"):
            vae = _Marked(width, hidden, latent)
            return cls(vae=vae, critic=make(vae), name=name)

    def train(self, mode: bool) -> "_Pair":
        self.vae.train(mode)
        self.critic.train(mode)
        return self

    def loss(
        self, seed: int = 0, order: slice | Int[Tensor, " n"] = slice(None)
    ) -> Float[Tensor, ""]:
        """Returns the loss of a batch of the VAE, its rows in an order."""
        x = torch.empty(ROWS, WIDTH).normal_(generator=stream(0, "check/x"))
        q = self.vae.encode(x)
        z = q.rsample(generator=stream(0, "check/z"))
        return self.scored(
            x[order], z[order], DiagonalNormal(q.mean[order], q.log_variance[order]), seed
        )

    def scored(
        self, x: Float[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal, seed: int = 0
    ) -> Float[Tensor, ""]:
        """Returns the loss of any batch under a seed; it must leave the VAE as it is."""
        with isolated(seed, "check/draws"), self._unchanged():
            try:
                return contrast(self.critic, x, z, q)
            except ComponentError as error:
                raise AssertionError(f"{self.name}: {error}") from None

    @contextlib.contextmanager
    def _unchanged(self) -> Iterator[None]:
        weights = {name: value.clone() for name, value in self.vae.state_dict().items()}
        modes = [
            (whose, part, part.training)
            for whose, module in (("the VAE", self.vae), ("itself", self.critic))
            for part in module.modules()
        ]
        yield
        for weight, value in self.vae.state_dict().items():
            same = torch.equal(value, weights[weight])
            assert same, f"{self.name} changes {weight} of the VAE in its forward"
        for whose, part, training in modes:
            same = part.training == training
            assert same, f"{self.name} changes the mode of {whose} in its forward"


def _check_gradients(pair: _Pair, loss: Float[Tensor, ""]) -> None:
    critic, name = pair.critic, pair.name
    if critic.needs_latent or loss.requires_grad:
        assert loss.requires_grad, f"{name} sends no gradient to the encoder"
        loss.backward()
        require_gradients(critic, name)
        assert learns(pair.vae.posterior_head), f"{name} sends no gradient to the encoder"


@torch.no_grad()
def _check_order(pair: _Pair) -> None:
    back = torch.arange(ROWS).flip(0)
    given = torch.stack([pair.loss(seed) for seed in range(SEEDS)])
    flipped = torch.stack([pair.loss(seed, back) for seed in range(SEEDS)])
    apart = (given.mean() - flipped.mean()).abs()
    allowed = ATOL * (1 + given.mean().abs()) + _chance(given) + _chance(flipped)
    assert apart <= allowed, f"{pair.name} depends on the order of rows"


def _chance(losses: Float[Tensor, " s"]) -> float:
    """Returns how far chance takes a mean of losses: 0 where draws have no say."""
    return ERRORS * losses.std().item() / math.sqrt(len(losses))


@torch.no_grad()
def _check_bound(name: str, make: Callable[[VAE], Critic]) -> None:
    pair = _Pair.made(make, name, width=1, hidden=(4, 4), latent=1).train(False)
    ones = torch.ones(ROWS, 1)
    q = DiagonalNormal(ones, ones)
    alike = torch.stack([pair.scored(ones, ones, q, seed) for seed in range(SEEDS)])
    chance = math.log(ROWS)
    apart = abs(alike.mean().item() - chance)
    allowed = ATOL + _chance(alike)
    assert apart < allowed, f"{name} is {alike.mean().item()} at chance, not {chance}"
    noise = 1.0  # variance of the channel z = x + noise; the information is half of log 2
    x = torch.empty(4096, 1).normal_(generator=stream(0, "check/channel"))
    q = DiagonalNormal(x, torch.full_like(x, math.log(noise)))
    z = q.rsample(generator=stream(0, "check/noise"))
    bound = math.log(len(x)) - pair.scored(x, z, q).item()
    exact = 0.5 * math.log(1 + 1 / noise)
    allowed = exact + 0.05  # four standard errors of the mean of 4,096 log-ratios
    assert bound <= allowed, f"{name} claims {bound} nats where there are {exact}"
