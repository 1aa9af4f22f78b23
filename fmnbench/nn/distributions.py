"""The distributions that models return: log-probabilities per row, normalised, in nats."""

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Generator, Size, Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from fmnbench.errors import Declined
from fmnbench.nn.decoding import LIMIT, Stepper, greedy, sample

Shape: TypeAlias = Size | list[int] | tuple[int, ...]
LOG_2PI = math.log(2 * math.pi)
EXTREME = 80.0  # log variances to either side of 0 whose exponential float32 still holds, squared
SHARP = 2.0**-12  # of |mean|: below such a deviation float32 keeps less than half of z − mean


def _full(parameter: Tensor) -> Tensor:
    """Returns a distribution's parameter in at least float32: log-densities need the digits."""
    return parameter.float() if parameter.dtype == torch.bfloat16 else parameter


class DiagonalNormal(Distribution):
    """Normal distributions with diagonal covariances, one for each row."""

    arg_constraints = {}  # noqa: RUF012 - torch's own attribute; checks would cost a pass a step
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, mean: Float[Tensor, "... d"], log_variance: Float[Tensor, "... d"]) -> None:
        self._mean = _full(mean)
        self.log_variance = _full(log_variance)
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def variance(self) -> Tensor:
        return self.log_variance.exp()

    @property
    def sharp(self) -> Bool[Tensor, "... d"]:
        """Whether z − mean over the deviation is lost in the rounding of a float32 sample z.

        So it is too where the variance itself is hardly a float32 any more.
        """
        deviation = torch.exp(0.5 * self.log_variance)
        return (deviation < SHARP * self._mean.abs()) | (self.log_variance.abs() > EXTREME)

    def rsample(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns samples that carry gradients; the randomness is the generator's."""
        return self.at(self.noise(sample_shape, generator=generator))

    def noise(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns standard normal numbers: those that samples are made of."""
        return torch.empty(
            (*sample_shape, *self._mean.shape), dtype=self._mean.dtype, device=self._mean.device
        ).normal_(generator=generator)

    def at(self, noise: Float[Tensor, "... d"]) -> Tensor:
        """Returns the samples that noise makes: mean + deviation · noise."""
        return self._mean + torch.exp(0.5 * self.log_variance) * noise

    def log_prob(self, value: Float[Tensor, "... d"]) -> Tensor:
        return self._density(self._squares(value))

    def log_prob_at(self, noise: Float[Tensor, "... d"]) -> Tensor:
        """Returns the log-density of the samples that noise makes, also where it is `sharp`.

        There `log_prob` of the sample would be that of a rounded one.
        """
        squares = torch.where(self.sharp, noise.square(), self._squares(self.at(noise)))
        return self._density(squares)

    def _squares(self, value: Float[Tensor, "... d"]) -> Tensor:
        """Returns (value − mean)² / variance; what is beyond EXTREME is multiplied in before."""
        beyond = self.log_variance - self.log_variance.clamp(-EXTREME, EXTREME)
        largest = torch.finfo(beyond.dtype).max  # times 0, the square at the mean, it is still 0
        scaled = (value - self._mean) * torch.exp(-0.5 * beyond).clamp_max(largest)
        return scaled.square() * torch.exp(beyond - self.log_variance)

    def _density(self, squares: Float[Tensor, "... d"]) -> Tensor:
        return -0.5 * (squares + self.log_variance + LOG_2PI).sum(-1)

    def entropy(self) -> Tensor:
        return 0.5 * (self.log_variance + 1 + LOG_2PI).sum(-1)

    def kl_from_standard(self) -> Float[Tensor, "... d"]:
        """Returns KL(self || N(0, I)) by dimension, in nats, in closed form."""
        return 0.5 * (self._mean.square() + self.log_variance.exp() - 1 - self.log_variance)

    def detach(self) -> "DiagonalNormal":
        """Returns the same distribution without its history of gradients."""
        return DiagonalNormal(self._mean.detach(), self.log_variance.detach())


class Likelihood(Distribution):
    """The base of what decoders return: the distribution of x given z."""

    arg_constraints = {}  # noqa: RUF012 - as above

    @property
    def log_normaliser(self) -> float:
        """What papers leave out of a log-density, in nats: a Gaussian's constant, else nothing."""
        return 0.0

    def sample(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns samples without gradients; the randomness is the generator's."""
        raise NotImplementedError


class IsotropicNormal(Likelihood):
    """A normal distribution with one fixed variance for all: the decoder behind a squared error.

    At variance ½ the negative log-density is Σ(x − mean)² plus the constant (D/2) log π.
    """

    support = constraints.real_vector

    def __init__(self, mean: Float[Tensor, "... d"], variance: float) -> None:
        self._mean = _full(mean)
        self._variance = variance
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def variance(self) -> Tensor:
        return torch.full_like(self._mean, self._variance)

    @property
    def log_normaliser(self) -> float:
        """The log-density at the mean, in nats: what a plain squared error leaves out."""
        return -0.5 * self._mean.shape[-1] * (LOG_2PI + math.log(self._variance))

    def sample(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns samples without gradients; the randomness is the generator's."""
        with torch.no_grad():
            noise = torch.empty(
                (*sample_shape, *self._mean.shape),
                dtype=self._mean.dtype,
                device=self._mean.device,
            ).normal_(std=math.sqrt(self._variance), generator=generator)
            return noise.add_(self._mean)

    def log_prob(self, value: Float[Tensor, "... d"]) -> Tensor:
        squares = (value - self._mean).square().sum(-1)
        return squares.mul(-0.5 / self._variance) + self.log_normaliser


class IndependentBernoulli(Likelihood):
    """Vectors of independent bits, by their logits; grey values in [0, 1] are scored as mixes."""

    support = constraints.independent(constraints.boolean, 1)

    def __init__(self, logits: Float[Tensor, "... d"]) -> None:
        self.logits = _full(logits)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def variance(self) -> Tensor:
        mean = self.mean
        return mean * (1 - mean)

    def sample(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns samples without gradients; the randomness is the generator's."""
        with torch.no_grad():
            mean = self.mean.expand(*sample_shape, *self.logits.shape)
            return torch.bernoulli(mean, generator=generator)

    def log_prob(self, value: Float[Tensor, "... d"]) -> Tensor:
        return (value * self.logits - F.softplus(self.logits)).sum(-1)


@runtime_checkable
class Autoregression(Protocol):
    """A network that gives the logit of each bit from the bits before it and z."""

    @property
    def pixels(self) -> int:
        """The number of bits in a row."""
        ...

    def logits(self, x: Float[Tensor, "n x"], z: Float[Tensor, "k n d"]) -> Float[Tensor, "k n x"]:
        """Returns the logits of each row's bits at each of its k samples of z."""
        ...

    def draw(self, z: Float[Tensor, "n d"], uniform: Float[Tensor, "n x"]) -> Float[Tensor, "n x"]:
        """Returns a row for each z: a bit is 1 where its uniform number is below its mean."""
        ...


class AutoregressiveBernoulli(Likelihood):
    """Vectors of bits, each given those before it and z: a network has the logits.

    Its mean has no closed form. What of the network depends on x alone is worked out once for
    all z of a row.
    """

    support = constraints.independent(constraints.boolean, 1)

    def __init__(self, network: Autoregression, z: Float[Tensor, "*n d"]) -> None:
        self.network = network
        self._z = z
        super().__init__(z.shape[:-1], Size((network.pixels,)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        raise Declined("an autoregressive decoder has no closed-form mean")

    def sample(self, sample_shape: Shape = (), *, generator: Generator | None = None) -> Tensor:
        """Returns samples without gradients; the randomness is the generator's."""
        with torch.no_grad():
            z = self._z.expand(*sample_shape, *self._z.shape)
            rows = math.prod(z.shape[:-1])
            uniform = torch.empty(rows, self.network.pixels, dtype=z.dtype, device=z.device)
            uniform.uniform_(generator=generator)
            drawn = self.network.draw(z.reshape(rows, z.shape[-1]), uniform)
            return drawn.view(*z.shape[:-1], self.network.pixels)

    def log_prob(self, value: Float[Tensor, "*n x"]) -> Tensor:
        x, z, shape = _paired(value, self._z)
        logits = _full(self.network.logits(x, z))
        return (x * logits - F.softplus(logits)).sum(-1).view(shape)


@runtime_checkable
class Language(Stepper, Protocol):
    """A network that gives each word of a text from the words before it and z."""

    def log_prob(self, x: Int[Tensor, "n t"], z: Float[Tensor, "k n d"]) -> Float[Tensor, "k n"]:
        """Returns the log-probability of each text at each of its k samples of z, in nats."""
        ...


class AutoregressiveCategorical(Likelihood):
    """Texts, each word given those before it and z: a network has the logits.

    A row is <s>, which is given, words and </s>, which are predicted, and more </s> that count for
    nothing. What depends on a text alone is computed once for all its z.
    """

    support = constraints.independent(constraints.nonnegative_integer, 1)

    def __init__(self, network: Language, z: Float[Tensor, "*n d"]) -> None:
        self.network = network
        self._z = z
        super().__init__(z.shape[:-1], validate_args=False)  # a draw may have any width

    @property
    def mean(self) -> Tensor:
        raise Declined("a text has no mean")

    def sample(
        self, sample_shape: Shape = (), *, generator: Generator | None = None, limit: int = LIMIT
    ) -> Tensor:
        """Returns texts as int32 rows; one of `limit` words ends there."""
        given = generator or torch.default_generator
        return self._texts(sample_shape, lambda z: sample(self.network, z, given, limit=limit))

    def greedy(self, *, limit: int = LIMIT) -> Tensor:
        """Returns texts of the likeliest words, as int32 rows; one of `limit` words ends there."""
        return self._texts((), lambda z: greedy(self.network, z, limit=limit))

    def log_prob(self, value: Int[Tensor, "*n t"]) -> Tensor:
        x, z, shape = _paired(value, self._z)
        return _full(self.network.log_prob(x, z)).view(shape)

    @torch.no_grad()
    def _texts(self, sample_shape: Shape, decode: Callable[[Tensor], Tensor]) -> Tensor:
        z = self._z.expand(*sample_shape, *self._z.shape)
        rows = math.prod(z.shape[:-1])
        texts = decode(z.reshape(rows, z.shape[-1]))
        return texts.view(*z.shape[:-1], texts.shape[-1])


def _paired(value: Num[Tensor, "*n x"], z: Float[Tensor, "*k d"]) -> tuple[Tensor, Tensor, Size]:
    """Returns rows of (n, x), the k samples of z that each is held against, and their shape."""
    shape = torch.broadcast_shapes(z.shape[:-1], value.shape[:-1])
    # rows that every sample of z is held against; else as many rows as there are z
    shared = value.dim() == 2 and value.shape[:1] == shape[-1:]
    x = value if shared else value.expand(*shape, -1).reshape(-1, value.shape[-1])
    samples = math.prod(shape[:-1]) if shared else 1
    return x, z.expand(*shape, -1).reshape(samples, len(x), z.shape[-1]), shape
