"""A language with a known truth: an LSTM with random weights that speaks of a point in the plane.

After the synthetic data of He et al. 2019: z from four normal distributions, an LSTM that sees z
at its start, at each input and at each output, and sentences of fixed length.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int32
from scipy.special import expit, logsumexp, ndtri
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

MEANS = np.array([(-2.0, -2.0), (2.0, 2.0), (-2.0, 2.0), (2.0, -2.0)])  # of z, weights 1/4 each
LARGEST_WEIGHT = 1.0  # all weights are uniform on ±1 ...
LARGEST_LATENT_SCORE = 3.0  # ... but those from z to the words' scores
BLOCK = 250  # sentences at a time: 2 MB of scores at 1,000 words, which a cache holds


@dataclasses.dataclass
class _Speech:
    """Sentences under way: states of the LSTM, and what z adds at every step."""

    hidden: Float64[np.ndarray, "n h"]
    cell: Float64[np.ndarray, "n h"]
    latent_gates: Float64[np.ndarray, "n gates"]
    latent_scores: Float64[np.ndarray, "n v"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Language:
    """The distribution of sentences given z; the first word is uniform, for any z.

    Gates stand in the order input, forget, candidate, output, each of the width of the state.
    """

    word_gates: Float64[np.ndarray, "v gates"]
    latent_gates: Float64[np.ndarray, "2 gates"]
    recurrent: Float64[np.ndarray, "h gates"]
    first_cell: Float64[np.ndarray, "2 h"]
    word_scores: Float64[np.ndarray, "h v"]
    latent_scores: Float64[np.ndarray, "2 v"]
    length: int  # words of a sentence

    @property
    def words(self) -> int:
        """The size of the vocabulary."""
        return len(self.word_gates)

    def sample(
        self, z: Float64[np.ndarray, "n 2"], generator: np.random.Generator
    ) -> Int32[np.ndarray, "n t"]:
        """Returns a sentence for each z, as numbers of words from 0."""
        with _one_thread():
            drawn = [
                self._sampled(z[rows], generator.random((rows.stop - rows.start, self.length)))
                for rows in _blocks(len(z))
            ]
        return np.concatenate(drawn)

    def log_likelihood(
        self, tokens: Int32[np.ndarray, "n t"], z: Float64[np.ndarray, "n 2"]
    ) -> Float64[np.ndarray, " n"]:
        """Returns log p(x | z) of each sentence with its z, in nats."""
        with _one_thread():
            parts = [self._log_likelihood(tokens[rows], z[rows]) for rows in _blocks(len(z))]
        return np.concatenate(parts)

    def entropy(self, z: Float64[np.ndarray, "n 2"], generator: np.random.Generator) -> float:
        """Returns an estimate of the entropy of x given z, in nats a sentence.

        At each word of a sampled sentence it takes the exact entropy of the next, which varies
        less from one sentence to another than −log p does.
        """
        total = 0.0
        for rows in _blocks(len(z)):
            tokens = self._sampled(
                z[rows], generator.random((rows.stop - rows.start, self.length))
            )
            speech = self._start(z[rows])
            for step in range(1, self.length):
                log_p = _normalised(self._scores(speech, tokens[:, step - 1]))
                total -= float((np.exp(log_p) * log_p).sum())
        return math.log(self.words) + total / len(z)

    def _start(self, z: Float64[np.ndarray, "n 2"]) -> _Speech:
        cell = z @ self.first_cell
        return _Speech(
            hidden=np.tanh(cell),
            cell=cell,
            latent_gates=z @ self.latent_gates,
            latent_scores=z @ self.latent_scores,
        )

    def _scores(
        self, speech: _Speech, words: Int32[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n v"]:
        """Returns the unnormalised log-probabilities of the words that follow, in a step."""
        gates = self.word_gates[words] + speech.latent_gates + speech.hidden @ self.recurrent
        entry, keep, candidate, exit_ = np.split(gates, 4, axis=1)
        speech.cell = expit(keep) * speech.cell + expit(entry) * np.tanh(candidate)
        speech.hidden = expit(exit_) * np.tanh(speech.cell)
        scores: Float64[np.ndarray, "n v"] = speech.hidden @ self.word_scores
        scores += speech.latent_scores
        return scores

    def _sampled(
        self, z: Float64[np.ndarray, "n 2"], uniform: Float64[np.ndarray, "n t"]
    ) -> Int32[np.ndarray, "n t"]:
        """Returns sentences by inverting the distribution of each word at a uniform number."""
        tokens = np.empty(uniform.shape, dtype=np.int32)
        tokens[:, 0] = uniform[:, 0] * self.words
        speech = self._start(z)
        for step in range(1, self.length):
            scores = self._scores(speech, tokens[:, step - 1])
            scores -= scores.max(1, keepdims=True)
            cumulative = np.cumsum(np.exp(scores, out=scores), axis=1, out=scores)
            reached = cumulative <= uniform[:, step, None] * cumulative[:, -1:]
            tokens[:, step] = reached.sum(1)
        return tokens

    def _log_likelihood(
        self, tokens: Int32[np.ndarray, "n t"], z: Float64[np.ndarray, "n 2"]
    ) -> Float64[np.ndarray, " n"]:
        total = np.full(len(z), -math.log(self.words))
        speech = self._start(z)
        for step in range(1, self.length):
            log_p = _normalised(self._scores(speech, tokens[:, step - 1]))
            total += log_p[np.arange(len(z)), tokens[:, step]]
        return total


def random_language(
    generator: np.random.Generator, *, words: int = 1_000, hidden: int = 100, length: int = 10
) -> Language:
    """Returns a language with uniform random weights; embeddings are as wide as the state."""

    def uniform(*shape: int) -> Float64[np.ndarray, "..."]:
        return generator.uniform(-LARGEST_WEIGHT, LARGEST_WEIGHT, shape)

    return Language(
        word_gates=uniform(words, hidden) @ uniform(hidden, 4 * hidden) + uniform(4 * hidden),
        latent_gates=uniform(2, 4 * hidden),
        recurrent=uniform(hidden, 4 * hidden),
        first_cell=uniform(2, hidden),
        word_scores=uniform(hidden, words),
        latent_scores=LARGEST_LATENT_SCORE * uniform(2, words),
        length=length,
    )


def sample_prior(rows: int, generator: np.random.Generator) -> Float64[np.ndarray, "rows 2"]:
    """Returns draws of z from the four normal distributions with unit covariance."""
    components = (len(MEANS) * generator.random(rows)).astype(np.int64)
    return np.asarray(MEANS[components] + normal((rows, 2), generator))


def log_prior(z: Float64[np.ndarray, "*n 2"]) -> Float64[np.ndarray, "*n"]:
    """Returns log p(z), in nats."""
    # squares[..., c] = |z - mean_c|^2
    squares = ((z[..., None, :] - MEANS) ** 2).sum(-1)
    density = logsumexp(-squares / 2, axis=-1) - math.log(2 * math.pi * len(MEANS))
    return np.asarray(density)


def normal(shape: tuple[int, ...], generator: np.random.Generator) -> Float64[np.ndarray, "..."]:
    """Returns standard normal draws, each from one uniform number.

    So they stay the same should NumPy's own way to draw them change.
    """
    # 0 has probability 2^-53 and would give minus infinity
    return np.asarray(ndtri(np.maximum(generator.random(shape), 2.0**-54)))


def _normalised(scores: Float64[np.ndarray, "n v"]) -> Float64[np.ndarray, "n v"]:
    """Returns log-probabilities in place of scores, in the same memory."""
    scores -= scores.max(1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(1, keepdims=True))
    return scores


def _one_thread() -> threadpool_limits:
    """Keeps matrix products on one core: blocks are small, and threads that wait cost more."""
    return threadpool_limits(limits=1, user_api="blas")


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
