"""The decoder of lstm alone: what a model of its kind reaches without a latent."""

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.nn.distributions import AutoregressiveCategorical, DiagonalNormal
from fmnbench.nn.lstm_layers import (
    Initialisation,
    WordDecoder,
    initialise,
    require_settings,
)
from fmnbench.registry import architectures


@architectures.register("lstm-lm", source="He et al. 2019", version=1)
class LSTMLM(VAE):
    """The decoder of lstm without z, from a zero state: its likelihood is exact, its KL zero."""

    kinds: ClassVar = ("texts",)
    latent = 0

    def __init__(
        self,
        words: int,
        *,
        embedding: int = 256,
        hidden: int = 1024,
        dropout: float = 0.5,
        initialisation: Initialisation = "torch",
    ) -> None:
        require_settings(dropout, embedding=embedding, hidden=hidden)
        super().__init__()
        self.decoder = WordDecoder(
            words, latent=0, embedding=embedding, hidden=hidden, dropout=dropout
        )
        initialise(self, initialisation)

    def encode(self, x: Int[Tensor, "n t"]) -> DiagonalNormal:
        nothing = self._nothing(x)
        return DiagonalNormal(nothing, nothing)

    def decode(self, z: Float[Tensor, "*k 0"]) -> AutoregressiveCategorical:
        return AutoregressiveCategorical(self.decoder, z)

    def exact_log_likelihood(self, x: Int[Tensor, "n t"]) -> Float[Tensor, " n"]:
        log_likelihood: Tensor = self.decode(self._nothing(x)).log_prob(x)
        return log_likelihood

    def _nothing(self, x: Int[Tensor, "n t"]) -> Float[Tensor, "n 0"]:
        return self.decoder.output.weight.new_zeros(len(x), 0)
