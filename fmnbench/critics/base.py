"""What a critic is, and the contrastive loss that the built-in ones share."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from fmnbench.architectures.base import VAE
from fmnbench.distributions import DiagonalNormal

Direction = Literal["x", "z", "both"]


class Critic(nn.Module):
    """The base of all critics: λ times its scalar is added to the loss.

    A subclass takes the VAE and keyword-only settings; it may decline an architecture by raising
    Declined. `bounds_information` claims that log n − loss is a lower bound on the information
    between x and z, in nats, at batch size n.
    """

    bounds_information = False

    def __init__(self, vae: VAE) -> None:
        super().__init__()

    def forward(
        self, x: Float[Tensor, "n x"], z: Float[Tensor, "n d"], q: DiagonalNormal
    ) -> Float[Tensor, ""]:
        """Returns the loss of a batch: z[i] is a sample of the posterior q[i] of row x[i]."""
        raise NotImplementedError


def contrastive_loss(
    a: Float[Tensor, "f n"], b: Float[Tensor, "f n"], direction: Direction = "x"
) -> Float[Tensor, ""]:
    """Returns the mean cross entropy of telling matched columns of a and b, in nats.

    scores[i, j] = a[:, i] · b[:, j], where a embeds z and b embeds x. Direction "x" picks the x
    of each z (softmax over j), "z" the z of each x (over i), "both" is the mean of the two.
    log n when columns cannot be told apart. Source: van den Oord et al. 2018, eq. 4; Menon et
    al. 2022, eq. 6 for "x".
    """
    loss: Tensor = _ContrastiveLoss.apply(a, b, direction)
    return loss


class _ContrastiveLoss(Function):
    """The loss with its gradient worked out in the forward pass.

    Each softmax costs one exponential of the n × n scores instead of two, and products keep the
    long axis last: 3 to 4 times faster than autograd through a cross entropy at n = 1024.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor, direction: Direction) -> Tensor:
        n = a.shape[1]
        scores = a.T @ b
        axes = {"x": (1,), "z": (0,), "both": (0, 1)}[direction]
        loss = -scores.diagonal().mean()
        softmax = torch.zeros(()).to(scores)
        for axis in axes:
            largest = scores.amax(axis, keepdim=True)
            exponentials = (scores - largest).exp_()
            total = exponentials.sum(axis, keepdim=True)
            loss = loss + (largest + total.log()).mean() / len(axes)
            softmax = exponentials.mul_(1 / (n * len(axes) * total)).add_(softmax)
        # d loss / d scores = softmax − 1/n on the diagonal
        ctx.save_for_backward((b @ softmax.T).sub_(b / n), (a @ softmax).sub_(a / n))
        return loss

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        gradient_a, gradient_b = ctx.saved_tensors  # type: ignore[attr-defined]  # torch's stub lacks it
        return gradient * gradient_a, gradient * gradient_b, None


CLIP_TEMPERATURE = math.log(1 / 0.07)  # 2.659: the start of CLIP's log-scale (Radford et al. 2021)
