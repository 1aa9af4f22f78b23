"""What a critic is, and the contrastive loss that the built-in ones share."""

import inspect
import math
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from fmnbench.architectures.base import VAE
from fmnbench.errors import ComponentError, Declined
from fmnbench.nn.distributions import DiagonalNormal

NEGLIGIBLE = -60.0  # nats below the best: e^-60 adds nothing to a sum above 1, in any precision,
# and keeps products clear of subnormal numbers, which take a processor ten times as long
ONE_SCALE = 20.0  # nats that the best scores of rows and columns may differ by to share one shift
Direction = Literal["x", "z", "both"]
AXES: dict[Direction, tuple[int, ...]] = {"x": (1,), "z": (0,), "both": (0, 1)}


class Critic(nn.Module):
    """The base of all critics: λ times its scalar is added to the loss.

    A subclass takes the VAE and keyword-only settings; it may decline an architecture by raising
    Declined, as one with `needs_latent` does where there is none. `bounds_information` claims
    that log n − loss is a lower bound on the information between x and z, in nats, at batch
    size n.
    """

    bounds_information = False
    needs_latent = True
    own_learning_rate: float | None = None  # of the critic's own parameters; None: the track's

    def __init__(self, vae: VAE) -> None:
        if self.needs_latent and not vae.latent:
            raise Declined(f"{type(vae).__name__} has no latent that a critic could score")
        super().__init__()

    def forward(
        self, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        """Returns the loss of a batch: z[i] is a sample of the posterior q[i] of row x[i]."""
        raise NotImplementedError


def contrast(
    critic: Critic, x: Num[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
) -> Float[Tensor, ""]:
    """Returns a critic's loss of a batch, in full precision also where the VAE's is reduced.

    Near log n bfloat16 has steps of 0.03. Raises ComponentError, which names the critic's class
    and file, where the loss is no scalar.
    """
    with torch.autocast(x.device.type, enabled=False):
        loss: object = critic(x, z, q)
    if isinstance(loss, Tensor) and loss.dim() == 0 and loss.is_floating_point():
        return loss
    if isinstance(loss, Tensor):
        kind = f"shape {tuple(loss.shape)}" if loss.dim() else f"{loss.dtype}"
        found = f"a tensor of {kind}"
    else:
        found = f"a {type(loss).__name__}"
    file = Path(inspect.unwrap(type(critic).forward).__code__.co_filename).name
    raise ComponentError(
        f"The critic {type(critic).__name__} of {file} returned {found}; a loss is a scalar "
        "tensor of floats."
    )


def contrastive_loss(
    a: Float[Tensor, "f n"], b: Float[Tensor, "f n"], direction: Direction = "x"
) -> Float[Tensor, ""]:
    """Returns the mean cross entropy of telling matched columns of a and b, in nats.

    scores[i, j] = a[:, i] · b[:, j], where a embeds z and b embeds x. Direction "x" picks the x
    of each z (softmax over j), "z" the z of each x (over i), "both" is the mean of the two.
    log n when columns cannot be told apart. Scores are in float32 or better, also under autocast.
    Source: van den Oord et al. 2018, eq. 4; Menon et al. 2022, eq. 6 for "x".
    """
    wide = torch.promote_types(a.dtype, torch.float32)
    with torch.autocast(a.device.type, enabled=False):  # near log n bfloat16 has steps of 0.03
        loss: Tensor = _ContrastiveLoss.apply(  # type: ignore[no-untyped-call]  # torch's
            a.to(wide), b.to(wide), direction
        )
    return loss


class _ContrastiveLoss(Function):
    """The loss with its gradient worked out in the forward pass.

    The n × n scores are exponentiated once, in place, and products keep the long axis last:
    several times faster than autograd through a cross entropy at n = 1024.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor, direction: Direction) -> Tensor:
        scores = a.T @ b
        matched = scores.diagonal().mean()
        normaliser, softmax = _mean_softmax(scores, AXES[direction])
        # d loss / d scores = softmax / n − 1/n on the diagonal
        n = a.shape[1]
        ctx.save_for_backward((b @ softmax.T - b) / n, (a @ softmax - a) / n)
        return normaliser - matched

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        gradient_a, gradient_b = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's stub lacks it
        return gradient * gradient_a, gradient * gradient_b, None


def _mean_softmax(
    scores: Float[Tensor, "n n"], axes: tuple[int, ...]
) -> tuple[Float[Tensor, ""], Float[Tensor, "n n"]]:
    """Returns the mean log-sum-exp and the softmax, averaged over axes; overwrites the scores."""
    largest = [scores.amax(axis, keepdim=True) for axis in axes]
    shift = largest[0]
    if len(axes) == 2:
        shift = torch.maximum(largest[0].amax(), largest[1].amax())
        if shift - torch.minimum(largest[0].amin(), largest[1].amin()) > ONE_SCALE:
            (first, p), (second, q) = (_mean_softmax(scores.clone(), (axis,)) for axis in axes)
            return (first + second) / 2, (p + q) / 2
    exponentials = scores.sub_(shift).clamp_(min=NEGLIGIBLE).exp_()
    totals = [exponentials.sum(axis, keepdim=True) for axis in axes]
    logs = [(shift + total.log()).mean() for total in totals]
    weights = [(len(axes) * total).reciprocal() for total in totals]
    share = weights[0] if len(axes) == 1 else weights[0] + weights[1]
    return torch.stack(logs).mean(), exponentials.mul_(share)


CLIP_TEMPERATURE = math.log(1 / 0.07)  # 2.659: the start of CLIP's log-scale (Radford et al. 2021)
