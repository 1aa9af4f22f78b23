"""What an architecture is: an encoder, a decoder and a prior that return distributions."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from fmnbench.errors import Declined
from fmnbench.nn.distributions import DiagonalNormal, Likelihood


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trunk:
    """A network from observations to features, for a critic to build upon.

    `shared` are layers of the VAE's own encoder, trained by both; `own` belong to the critic.
    """

    shared: nn.Module
    own: nn.Module
    width: int  # features per row


class VAE(nn.Module):
    """The base of all architectures. A subclass takes the row width and keyword-only settings.

    `encode` and `decode` treat rows alone: row i of the result depends on row i of the input.
    `kinds` of rows are those that it takes (see Splits); `image_shape` is the one size of images
    that it takes, height and width, None where rows may have any width.
    """

    kinds: ClassVar[tuple[str, ...]] = ("vectors", "images")
    image_shape: ClassVar[tuple[int, int] | None] = None
    latent: int

    def encode(self, x: Num[Tensor, "n x"]) -> DiagonalNormal:
        """Returns the approximate posterior q(z|x) of each row."""
        raise NotImplementedError

    def decode(self, z: Float[Tensor, "... d"]) -> Likelihood:
        """Returns the likelihood p(x|z) of each row."""
        raise NotImplementedError

    @property
    def prior(self) -> DiagonalNormal:
        """The prior p(z): a standard normal."""
        weight = next(self.parameters())
        zeros = torch.zeros(self.latent, dtype=weight.dtype, device=weight.device)
        return DiagonalNormal(zeros, zeros)

    def fresh_trunk(self) -> Trunk:
        """Returns new layers that embed an observation, for a critic of its own."""
        raise NotImplementedError

    def shared_trunk(self) -> Trunk:
        """Returns layers that begin with the first ones of this encoder.

        Raises Declined where the encoder has none to share.
        """
        raise Declined(f"{type(self).__name__} offers no layers to share with a critic")

    def exact_log_likelihood(self, x: Num[Tensor, "n x"]) -> Float[Tensor, " n"]:
        """Returns log p(x) of each row in nats; Declined where it has no closed form."""
        raise Declined(f"{type(self).__name__} has no closed-form likelihood")


def image_shape_of(make: Callable[..., VAE]) -> tuple[int, int] | None:
    """The one size of images that an architecture takes; a function takes any, as the base."""
    if isinstance(make, type) and issubclass(make, VAE):
        return make.image_shape
    return VAE.image_shape


def kinds_of(make: Callable[..., VAE]) -> tuple[str, ...]:
    """The kinds of rows that an architecture takes; a function takes those of the base class."""
    if isinstance(make, type) and issubclass(make, VAE):
        return make.kinds
    return VAE.kinds
