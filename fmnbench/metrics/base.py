"""The Evaluation: one cached pass of a trained model over held-out rows, for all metrics."""

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor

from fmnbench.architectures.base import VAE
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveCategorical, DiagonalNormal, Likelihood
from fmnbench.nn.precision import autocast
from fmnbench.rng import stream
from fmnbench.spec import Precision

Work = TypeVar("Work")
Judged = Literal["test", "validation"]  # the splits that no model was trained on
BLOCK = 4096  # rows per forward pass: bounds memory, moves no number
VALUES = {"cpu": 2**17}  # decoder outputs per pass: what a CPU's cache holds of float64
ACCELERATOR_VALUES = 2**22  # as many as keep an accelerator busy


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BestEpoch:
    """The epoch, from 1, with the best bound on validation rows, and the VAE's weights after it.

    `weights` are None where they are those that training ended with.
    """

    epoch: int
    weights: Mapping[str, Tensor] | None


class Generated(NamedTuple):
    """Rows from a model: z of the prior, the decoder's mean at it, and a draw."""

    z: Float[Tensor, "n d"]
    mean: Num[Tensor, "n x"]
    x: Num[Tensor, "n x"]


class Evaluation:
    """A trained model with the rows of the split that it is judged on.

    A registered metric is a function of it that returns one number, or raises Declined where it
    does not apply. What several metrics need is computed once. `batch_size` is the training
    batch size, `nll_samples` the K of the track; encoder and decoder run in its `precision`.
    Sums over rows are taken in float64. Metrics never see rows of the other held-out split.
    `best` is what training knows of its best epoch, None where it did not validate.
    """

    def __init__(  # noqa: PLR0913 - what the numbers depend on, each by its name
        self,
        vae: VAE,
        splits: Splits,
        *,
        seed: int,
        batch_size: int,
        nll_samples: int,
        precision: Precision = "float32",
        judged: Judged = "test",
        best: BestEpoch | None = None,
    ) -> None:
        self.vae = vae.eval()
        self.splits = splits
        self.judged: Judged = judged
        self.seed = seed
        self.batch_size = batch_size
        self.nll_samples = nll_samples
        self.precision = precision
        self.best = best
        self._done: dict[Callable[[Evaluation], Any], Any] = {}

    def once(self, work: Callable[["Evaluation"], Work]) -> Work:
        """Returns work(self), done at the first call only: for what several metrics share."""
        if work not in self._done:
            self._done[work] = work(self)
        done: Work = self._done[work]
        return done

    def of_best(self) -> "Evaluation":
        """Returns the evaluation of the VAE after its best epoch, itself where that was the last.

        Raises Declined where the best epoch is not known.
        """
        if self.best is None:
            raise Declined("the best epoch on validation rows is not known")
        if self.best.weights is None:
            return self
        vae = copy.deepcopy(self.vae)
        vae.load_state_dict(self.best.weights)
        return Evaluation(
            vae,
            self.splits,
            seed=self.seed,
            batch_size=self.batch_size,
            nll_samples=self.nll_samples,
            precision=self.precision,
            judged=self.judged,
        )

    @property
    def x(self) -> Num[Tensor, "n x"]:
        """The rows of the judged split; "rows" alone means these from here on."""
        return self.splits.test if self.judged == "test" else self.splits.validation

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.x)

    def stream(self, purpose: str) -> Generator:
        """Returns the generator of one metric's randomness."""
        return stream(self.seed, f"evaluation/{purpose}", self.x.device)

    def passes(self) -> torch.autocast:
        """Returns the context for encoding, decoding and log_prob."""
        return autocast(self.precision, self.x.device)

    @functools.cached_property
    @torch.no_grad()
    def posterior(self) -> DiagonalNormal:
        """The approximate posterior of every row."""
        return self.encode(self.x)

    @functools.cached_property
    @torch.no_grad()
    def noise(self) -> Float[Tensor, "n d"]:
        """The standard normal numbers that `z` is made of."""
        return self.posterior.noise(generator=self.stream("posterior"))

    @functools.cached_property
    @torch.no_grad()
    def z(self) -> Float[Tensor, "n d"]:
        """One posterior sample for each row."""
        return self.posterior.at(self.noise)

    @functools.cached_property
    @torch.no_grad()
    def reconstruction(self) -> Float[Tensor, " n"]:
        """−log p(x|z) of each row at its one sample, normalised, in nats."""
        return -self.log_prob(self.z)

    @functools.cached_property
    @torch.no_grad()
    def kl(self) -> Float[Tensor, " n"]:
        """KL(q(z|x) || p(z)) of each row in nats, in closed form."""
        return self.posterior.kl_from_standard().double().sum(1)

    @property
    def generated(self) -> Num[Tensor, "n x"]:
        """As many draws from the model as there are rows: z ~ p(z), then x ~ p(x|z).

        A text is drawn word by word, up to as many words as the longest text of the data has.
        """
        return self._from_prior.x

    @property
    def generated_mean(self) -> Num[Tensor, "n x"]:
        """The decoder's mean at the z of each generated row; the draw itself where it has none."""
        return self._from_prior.mean

    @property
    def generated_z(self) -> Float[Tensor, "n d"]:
        """The z of each generated row."""
        return self._from_prior.z

    @functools.cached_property
    @torch.no_grad()
    def _from_prior(self) -> Generated:
        generator = self.stream("generated")
        z = self.vae.prior.rsample((self.n,), generator=generator)
        # draws of texts are as wide as the longest, and bound their memory themselves
        together = max(1, self.n) if self.splits.kind == "texts" else BLOCK
        means, draws = [], []
        for block in torch.split(z, together):
            with self.passes():
                likelihood = self.vae.decode(block)
                draws.append(self._drawn(likelihood, generator))
            means.append(_mean_or(draws[-1], likelihood))
        return Generated(z, torch.cat(means), torch.cat(draws))

    def _drawn(self, likelihood: Likelihood, generator: Generator) -> Num[Tensor, "n x"]:
        if isinstance(likelihood, AutoregressiveCategorical):
            longest = max(1, self.x.shape[1] - 2)  # words: rows have <s> and </s> too
            return likelihood.sample(generator=generator, limit=longest)
        return likelihood.sample(generator=generator)

    @torch.no_grad()
    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Returns log p(x|z) of each row at its z, block by block, in float64."""
        blocks = zip(torch.split(z, BLOCK), torch.split(self.x, BLOCK), strict=True)
        with self.passes():
            return torch.cat([self.vae.decode(z).log_prob(x).double() for z, x in blocks])

    @torch.no_grad()
    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        """Returns the posterior of any rows, block by block."""
        with self.passes():
            posteriors = [self.vae.encode(block) for block in torch.split(x, BLOCK)]
        return DiagonalNormal(
            torch.cat([q.mean for q in posteriors]),
            torch.cat([q.log_variance for q in posteriors]),
        )

    def samples(self, wanted: int) -> int:
        """Returns how many samples of z tell what `wanted` of them do: 1 without a latent."""
        return wanted if self.vae.latent else 1

    @property
    def ceiling(self) -> float:
        """The logarithm of n, in nats: what `mi_lower` cannot exceed."""
        return math.log(self.n)


def split(q: DiagonalNormal, rows: int) -> list[DiagonalNormal]:
    """Returns the posteriors of consecutive batches of rows, the last short one included."""
    parts = zip(torch.split(q.mean, rows), torch.split(q.log_variance, rows), strict=True)
    return [DiagonalNormal(mean, log_variance) for mean, log_variance in parts]


def require_finite(rows: Num[Tensor, "n c"], which: str) -> None:
    """Raises ValueError where values are not finite: a public function would return no number."""
    broken = int((~rows.isfinite()).any(1).sum())
    if broken:
        raise ValueError(f"{broken} of {len(rows)} {which} rows hold values that are not finite")


def _mean_or(draws: Num[Tensor, "n x"], likelihood: Likelihood) -> Num[Tensor, "n x"]:
    try:
        return likelihood.mean
    except Declined:
        return draws


def samples_per_pass(x: Num[Tensor, "n x"]) -> int:
    """Returns how many samples of z are decoded together for each row: moves no number."""
    return max(1, VALUES.get(x.device.type, ACCELERATOR_VALUES) // x.numel())


def decoder_loss(likelihood: Likelihood, x: Num[Tensor, "n x"]) -> Float[Tensor, "*k n"]:
    """Returns the reconstruction term as papers print it, at each of k samples of z.

    It is without a Gaussian's constant. At variance ½ this is the squared error Σ(x − x̂)²; of
    bits it is the cross entropy.
    """
    return likelihood.log_normaliser - likelihood.log_prob(x)
