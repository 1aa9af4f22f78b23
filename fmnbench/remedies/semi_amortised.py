"""Semi-amortised inference: the encoder's posterior is refined row by row."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveCategorical, DiagonalNormal
from fmnbench.registry import Count, Positive, remedies
from fmnbench.remedies.around import Around
from fmnbench.remedies.base import Remedy
from fmnbench.rng import stream

MOMENTUM = 0.5  # Kim et al. 2018, their code
LONGEST = 5.0  # norm of a row's gradient, as theirs
PAIRS = 2  # of opposite noise vectors: the same for all rows, so that a row is refined alone


class Refined(Around):
    """A posterior that has gone some steps down the row's own bound, from the encoder's."""

    noise: Tensor

    def __init__(self, within: VAE, steps: int, rate: float) -> None:
        super().__init__(within)
        self.steps, self.rate = steps, rate
        drawn = torch.empty(PAIRS, 1, within.latent)
        drawn.normal_(generator=stream(0, "semi-amortised"))
        self.register_buffer("noise", torch.cat([drawn, -drawn]))

    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        q = super().encode(x)
        learns = torch.is_grad_enabled()
        point = torch.cat([q.mean, q.log_variance], 1)
        velocity = torch.zeros_like(point)
        with torch.enable_grad():
            for _ in range(self.steps):
                if not learns:
                    point = point.detach()
                if not point.requires_grad:
                    point.requires_grad_()
                bound = self._bound(x, point).sum()
                (slope,) = torch.autograd.grad(bound, point, create_graph=learns)
                length = slope.norm(dim=1, keepdim=True)
                velocity = MOMENTUM * velocity + slope * (LONGEST / length.clamp(min=LONGEST))
                point = point - self.rate * velocity
        if not learns:
            point = point.detach()
        return DiagonalNormal(*point.chunk(2, 1))

    def _bound(
        self, x: Num[Tensor, "n x"], point: Float[Tensor, "n two_d"]
    ) -> Float[Tensor, " n"]:
        """Returns the negative ELBO of each row in nats, at the fixed noise."""
        q = DiagonalNormal(*point.chunk(2, 1))
        reconstruction = -self.decode(q.at(self.noise.to(point))).log_prob(x).mean(0)
        return reconstruction + q.kl_from_standard().sum(1)


@remedies.register(
    "semi-amortised",
    source="Kim et al. 2018, alg. 1",
    cost="`steps` decoder passes, forwards and twice backwards",
    version=1,
)
class SemiAmortised(Remedy):
    """Each row's posterior takes `steps` gradient steps down its own bound, also at test.

    Training differentiates through the steps. It declines texts, whose softmax over words has no
    second derivative here.
    """

    def __init__(self, *, steps: Count = 10, rate: Positive = 0.1) -> None:
        super().__init__()
        self.steps, self.rate = steps, rate

    def around(self, vae: VAE) -> VAE:
        if not vae.latent:
            raise Declined(f"{type(vae).__name__} has no latent to refine")
        if isinstance(vae.decode(vae.prior.mean[None]), AutoregressiveCategorical):
            raise Declined("semi-amortised inference of texts needs second derivatives")
        return Refined(vae, self.steps, self.rate)
