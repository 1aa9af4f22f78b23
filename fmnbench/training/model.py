"""The model of a run and its generators: VAE, critic, remedy and λ."""

import dataclasses

import torch
from jaxtyping import Float, Num
from torch import Generator, Tensor, nn

from fmnbench.architectures.base import VAE
from fmnbench.critics.base import Critic, contrast
from fmnbench.remedies.base import Batch, Progress, Remedy, Terms, row_losses
from fmnbench.rng import SideStream, stream

TERMS = ("loss", "reconstruction", "kl", "critic")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The three parts that a loss is made of, and λ."""

    vae: VAE
    critic: Critic
    remedy: Remedy
    lambda_: float

    def batch(self, x: Num[Tensor, "n x"], noise: Generator, progress: Progress) -> Batch:
        """Returns a pass of the VAE over rows."""
        return Batch(self.vae, x, noise=noise, progress=progress)

    def losses(self, batch: Batch, side: SideStream) -> tuple[Float[Tensor, ""], Terms]:
        """Returns a batch's loss and its four terms; the terms carry no gradients.

        loss = mean of the remedy's loss over rows + λ · critic, in nats. What critic and remedy
        draw from the global generator is of the `side` stream, and moves no dropout of the VAE.
        """
        with side:
            critic = contrast(self.critic, batch.x, batch.z, batch.q)
            loss = row_losses(self.remedy, batch).mean() + self.lambda_ * critic
        with torch.no_grad():
            kl = batch.kl
            # the mean over no dimensions would be no number
            rate = kl.mean() * kl.shape[1] if kl.shape[1] else kl.sum()
            return loss, torch.stack([loss, batch.reconstruction.mean(), rate, critic])

    def modules(self) -> dict[str, nn.Module]:
        """Returns the trained parts by name."""
        return {"vae": self.vae, "critic": self.critic, "remedy": self.remedy}

    def parameters(self) -> list[nn.Parameter]:
        """Returns every parameter once."""
        return [weight for part in self.modules().values() for weight in part.parameters()]

    def train(self, mode: bool) -> None:
        """Puts all parts into training or evaluation mode."""
        for part in self.modules().values():
            part.train(mode)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Streams:
    """The independent generators of one run, by what they draw.

    The order of rows, posterior noise, binarisation; and the same of the batches that a remedy
    takes beside the epoch's own.
    """

    order: Generator
    noise: Generator
    pixels: Generator
    other_order: Generator
    other_noise: Generator
    other_pixels: Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> "Streams":
        """Returns the streams of a seed; they do not depend on the method."""
        return cls(
            order=stream(seed, "train/order"),
            noise=stream(seed, "train/noise", device),
            pixels=stream(seed, "train/pixels", device),
            other_order=stream(seed, "train/other/order"),
            other_noise=stream(seed, "train/other/noise", device),
            other_pixels=stream(seed, "train/other/pixels", device),
        )
