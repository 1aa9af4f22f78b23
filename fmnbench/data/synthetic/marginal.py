"""log p(x) of a synthetic sentence: the best that any model of the text can reach on average."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float64, Int32
from scipy.special import logsumexp

from fmnbench.data.synthetic.language import Language, log_prior, normal, sample_prior

ROUNDS = 3  # the first draws from the prior, each other from a fit to the one before
PRIOR_SHARE = 0.2  # of each fitted proposal: no weight exceeds 5 p(x | z)
INFLATION = 2.0  # of a fitted covariance: too wide costs little, too narrow a lot
NARROWEST = 0.01  # variance of a fit to a round in which one draw had all the weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Proposal:
    """For each sentence a normal distribution of z, with a share of the prior beside it."""

    means: Float64[np.ndarray, "n 2"]
    factors: Float64[np.ndarray, "n 2 2"]  # lower, of the covariances

    def sample(self, samples: int, generator: np.random.Generator) -> Float64[np.ndarray, "n k 2"]:
        shape = (len(self.means), samples)
        noise = normal((*shape, 2), generator)
        fitted = self.means[:, None] + np.einsum("nij,nkj->nki", self.factors, noise)
        prior = sample_prior(shape[0] * samples, generator).reshape(*shape, 2)
        return np.where(generator.random((*shape, 1)) < PRIOR_SHARE, prior, fitted)

    def log_density(self, z: Float64[np.ndarray, "n k 2"]) -> Float64[np.ndarray, "n k"]:
        residuals = (z - self.means[:, None]).transpose(0, 2, 1)
        squares = (np.linalg.solve(self.factors, residuals) ** 2).sum(1)
        log_scale = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(1)
        fitted = -squares / 2 - log_scale[:, None] - math.log(2 * math.pi)
        prior = log_prior(z) + math.log(PRIOR_SHARE)
        return np.asarray(np.logaddexp(fitted + math.log(1 - PRIOR_SHARE), prior))


def log_marginal(
    language: Language,
    tokens: Int32[np.ndarray, "n t"],
    generator: np.random.Generator,
    *,
    samples: int = 500,
) -> Float64[np.ndarray, " n"]:
    """Returns estimates of log p(x) = log ∫ p(x | z) p(z) dz of each sentence, in nats.

    Importance sampling: z from the prior, then twice from normal distributions fitted to the
    weights of the round before; the last round alone is the estimate. p(x) is unbiased, so
    log p(x) is low by about half the squared relative error.
    """
    rows = len(tokens)
    z = sample_prior(rows * samples, generator).reshape(rows, samples, 2)
    weights = _log_likelihoods(language, tokens, z)
    for _ in range(ROUNDS - 1):
        proposal = _fitted(z, weights)
        z = proposal.sample(samples, generator)
        weights = _log_likelihoods(language, tokens, z) + log_prior(z) - proposal.log_density(z)
    return np.asarray(logsumexp(weights, axis=1)) - math.log(samples)


def _log_likelihoods(
    language: Language, tokens: Int32[np.ndarray, "n t"], z: Float64[np.ndarray, "n k 2"]
) -> Float64[np.ndarray, "n k"]:
    # log_likelihoods[i, j] = log p(x_i | z_ij)
    rows, samples, _ = z.shape
    repeated = np.repeat(tokens, samples, axis=0)
    return language.log_likelihood(repeated, z.reshape(-1, 2)).reshape(rows, samples)


def _fitted(z: Float64[np.ndarray, "n k 2"], log_weights: Float64[np.ndarray, "n k"]) -> _Proposal:
    """Returns proposals with the weighted means of draws and their covariances, inflated."""
    weights = np.exp(log_weights - logsumexp(log_weights, axis=1, keepdims=True))
    means = np.einsum("nk,nki->ni", weights, z)
    residuals = z - means[:, None]
    covariances = np.einsum("nk,nki,nkj->nij", weights, residuals, residuals)
    covariances = INFLATION * covariances + NARROWEST * np.eye(2)
    return _Proposal(means=means, factors=np.linalg.cholesky(covariances))
