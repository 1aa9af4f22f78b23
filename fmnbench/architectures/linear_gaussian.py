"""The linear-Gaussian VAE: exact likelihood and information, the oracle of the other metrics."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.nn.distributions import LOG_2PI, DiagonalNormal, IsotropicNormal
from fmnbench.registry import Count, Positive, architectures

ORTHOGONAL = 1e-6  # largest cosine between two columns of W that still counts as orthogonal


@architectures.register(
    "linear-gaussian", source="Tipping & Bishop 1999; Lucas et al. 2019", version=1
)
class LinearGaussian(VAE):
    """Linear encoder and decoder with Gaussian noise (probabilistic PCA), solvable exactly.

    Decoder p(x|z) = N(Wz + b, variance · I); encoder q(z|x) = N(Ax + c, diag v), where v is
    learned and the same for all rows. It holds the exact posterior where W has orthogonal columns.
    """

    def __init__(self, width: int, *, latent: Count = 4, variance: Positive = 1.0) -> None:
        super().__init__()
        self.width = width
        self.latent = latent
        self.variance = variance
        self.encoder = nn.Linear(width, latent)  # A, c
        self.log_variance = nn.Parameter(torch.zeros(latent))  # log v
        self.decoder = nn.Linear(latent, width)  # W, b

    def encode(self, x: Float[Tensor, "n x"]) -> DiagonalNormal:
        mean = self.encoder(x)
        return DiagonalNormal(mean, self.log_variance.expand_as(mean))

    def decode(self, z: Float[Tensor, "... d"]) -> IsotropicNormal:
        return IsotropicNormal(self.decoder(z), self.variance)

    def fresh_trunk(self) -> Trunk:
        """Returns no layers: the critic sees the observation itself."""
        return Trunk(shared=nn.Identity(), own=nn.Identity(), width=self.width)

    def exact_log_likelihood(self, x: Float[Tensor, "n x"]) -> Float[Tensor, " n"]:
        """Returns log N(x; b, WWᵀ + variance · I) of each row in nats (Tipping & Bishop, eq. 3).

        By Woodbury's identity in d × d; in float64, as its two squares nearly cancel.
        """
        weight, residual = self.decoder.weight.double(), (x - self.decoder.bias).double()
        root = torch.linalg.cholesky(self._scaled_posterior_precision())
        explained = torch.linalg.solve_triangular(root, (residual @ weight).T, upper=False)
        distance = (residual.square().sum(1) - explained.square().sum(0)) / self.variance
        log_det = 2 * root.diagonal().log().sum()
        log_det = log_det + (self.width - self.latent) * math.log(self.variance)
        log_likelihood: Tensor = -0.5 * (distance + log_det + self.width * LOG_2PI)
        return log_likelihood.to(x.dtype)

    @torch.no_grad()
    def exact_information(self) -> float:
        """Returns I(x; z) of the model's own joint, ½ log det(I + WᵀW / variance), in nats."""
        precision = self._scaled_posterior_precision() / self.variance
        return 0.5 * torch.logdet(precision).item()

    @torch.no_grad()
    def adopt_exact_posterior(self) -> None:
        """Sets A, c and v so that q(z|x) is the exact posterior.

        Raises ValueError unless W has orthogonal columns: else no diagonal v can hold it.
        """
        precision = self._scaled_posterior_precision()  # M, of the posterior variance · M⁻¹
        gram = precision - self.variance * torch.eye(self.latent).to(precision)
        lengths = gram.diagonal().sqrt().clamp_min(torch.finfo(gram.dtype).tiny)
        cosine = (gram / lengths / lengths[:, None]).fill_diagonal_(0).abs().max().item()
        if cosine > ORTHOGONAL:
            raise ValueError(
                f"The columns of W must be orthogonal for an exact diagonal posterior; "
                f"the largest cosine between two is {cosine:.2g}."
            )
        scale = precision.diagonal()
        self.encoder.weight.copy_(self.decoder.weight.double().T / scale[:, None])
        self.encoder.bias.copy_(-self.encoder.weight @ self.decoder.bias)
        self.log_variance.copy_((self.variance / scale).log())

    def _scaled_posterior_precision(self) -> Float[Tensor, "d d"]:
        """Returns M = WᵀW + variance · I in float64."""
        weight = self.decoder.weight.double()
        return weight.T @ weight + self.variance * torch.eye(self.latent).to(weight)
