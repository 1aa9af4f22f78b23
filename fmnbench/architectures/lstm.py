"""LSTM encoder and decoder for texts."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fmnbench.architectures.base import VAE, Trunk
from fmnbench.nn.distributions import AutoregressiveCategorical, DiagonalNormal
from fmnbench.nn.lstm_layers import (
    Initialisation,
    LastState,
    WordDecoder,
    WordEmbedding,
    ZInput,
    initialise,
    require_settings,
    rows_by_length,
    rows_per_pass,
)
from fmnbench.registry import Count, architectures


@architectures.register("lstm", source="He et al. 2019; Bowman et al. 2016", version=1)
class LSTM(VAE):
    """One LSTM encodes, its state behind </s>; one decodes, with z beside each word.

    With `z_input` mapped, a linear map of z, as wide as the state, is beside each word, and the
    first cell is a linear map of that: the project report's model. With plain it is z itself, and
    uniform `initialisation` draws all weights within ±0.01 and embeddings within ±0.1, as He et
    al. `dropout` is of the decoder's embeddings and of its states before the words.
    """

    kinds: ClassVar = ("texts",)

    def __init__(  # noqa: PLR0913 - one parameter a setting
        self,
        words: int,
        *,
        latent: Count = 32,
        embedding: int = 256,
        hidden: int = 1024,
        dropout: float = 0.5,
        z_input: ZInput = "mapped",
        initialisation: Initialisation = "torch",
    ) -> None:
        require_settings(dropout, latent=latent, embedding=embedding, hidden=hidden)
        super().__init__()
        self.latent = latent
        self.sizes = (words, embedding, hidden)
        self.initialisation = initialisation
        self.encoder = _encoder(*self.sizes)
        self.posterior_head = nn.Linear(hidden, 2 * latent, bias=False)
        self.decoder = WordDecoder(
            words,
            latent=latent,
            embedding=embedding,
            hidden=hidden,
            dropout=dropout,
            z_input=z_input,
        )
        initialise(self, initialisation)

    def encode(self, x: Int[Tensor, "n t"]) -> DiagonalNormal:
        order = rows_by_length(x)
        states = torch.cat([self.encoder(x[rows]) for rows in order.split(rows_per_pass(x))])
        mean, log_variance = self.posterior_head(states[order.argsort()]).chunk(2, -1)
        return DiagonalNormal(mean, log_variance)

    def decode(self, z: Float[Tensor, "*k d"]) -> AutoregressiveCategorical:
        return AutoregressiveCategorical(self.decoder, z)

    def fresh_trunk(self) -> Trunk:
        """An embedding and an LSTM like the encoder's, with initial weights of the same kind."""
        own = _encoder(*self.sizes)
        initialise(own, self.initialisation)
        return Trunk(shared=nn.Identity(), own=own, width=self.sizes[-1])

    def shared_trunk(self) -> Trunk:
        """The encoder's embedding, and a new LSTM like the encoder's."""
        _, embedding, hidden = self.sizes
        own = LastState(embedding, hidden)
        initialise(own, self.initialisation)
        return Trunk(shared=self.encoder[0], own=own, width=hidden)


def _encoder(words: int, embedding: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(WordEmbedding(words, embedding), LastState(embedding, hidden))
