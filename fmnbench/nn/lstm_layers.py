"""Layers for texts: embedding and LSTM of the encoder and of the decoder, without padding."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from fmnbench.data.vocabulary import END_ID, START_ID, UNKNOWN_ID
from fmnbench.errors import UsageError
from fmnbench.nn.cross_entropy import word_log_probs
from fmnbench.nn.decoding import State
from fmnbench.nn.lengths import text_lengths
from fmnbench.nn.lstm_recurrence import Reading, Recurrence, Walk, full

Initialisation: TypeAlias = Literal["torch", "uniform"]
ZInput: TypeAlias = Literal["mapped", "plain"]

WEIGHTS = 0.01  # weights are drawn from within ± this, He et al. 2019
EMBEDDINGS = 0.1  # embeddings from within ± this
ROWS = {"cpu": 128}  # texts per pass, times samples of z; it bounds memory
ACCELERATOR_ROWS = 256


def predicted(x: Int[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """Returns the number of predicted words of each text: those after <s>, first </s> included."""
    words = text_lengths(x) - 1
    ended = (x == END_ID).any(1) & (words > 0)
    assert bool(ended.all()), "a text has no </s> after its <s>"
    return words


def rows_by_length(x: Int[Tensor, "n t"]) -> Int64[Tensor, " n"]:
    """Returns the order of rows from the longest text to the shortest."""
    return text_lengths(x).argsort(descending=True, stable=True)


def rows_per_pass(x: Int[Tensor, "n t"]) -> int:
    """Returns the number of texts that pass through the layers together."""
    return ROWS.get(x.device.type, ACCELERATOR_ROWS)


def require_settings(dropout: float, **sizes: int) -> None:
    """Raises UsageError where a size is below 1 or dropout is not in [0, 1)."""
    for name, size in sizes.items():
        if size < 1:
            raise UsageError(f"{name} is {size}; it must be 1 or above.")
    if not 0 <= dropout < 1:
        raise UsageError(f"dropout is {dropout}; it must be 0 or above and below 1.")


@torch.no_grad()
def initialise(module: nn.Module, initialisation: Initialisation) -> None:
    """Draws all weights as He et al. (2019) do, if `uniform`; otherwise keeps torch's."""
    if initialisation == "torch":
        return
    for weight in module.parameters():
        weight.uniform_(-WEIGHTS, WEIGHTS)
    for layer in module.modules():
        if isinstance(layer, nn.Embedding):
            layer.weight.uniform_(-EMBEDDINGS, EMBEDDINGS)


class WordEmbedding(nn.Module):
    """The embeddings of the words of texts, without padding."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size)

    def forward(self, x: Int[Tensor, "n t"]) -> PackedSequence:
        ids = pack_padded_sequence(
            x, text_lengths(x).cpu(), batch_first=True, enforce_sorted=False
        )
        return PackedSequence(self.embedding(ids.data), *ids[1:])


class LastState(nn.Module):
    """The state of an LSTM after the last word of each row."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.recurrence = Recurrence(inputs, 0, hidden)

    def forward(self, packed: PackedSequence) -> Float[Tensor, "n h"]:
        walk, inputs = Walk.through(packed), packed.data
        zeros = inputs.new_zeros(walk.sizes[0], 1, self.recurrence.hidden)
        nothing = zeros[..., :0]  # no constant inputs
        states = self.recurrence.over(inputs, walk)(nothing, zeros, zeros)[:, 0]
        places = torch.arange(len(states), device=states.device)
        padded, lengths = pad_packed_sequence(PackedSequence(places, *packed[1:]))
        last = padded.gather(0, (lengths - 1).to(places.device)[None])[0]
        ends: Tensor = states[last]
        return ends


class WordDecoder(nn.Module):
    """An LSTM that gives the log-probability of each word of a text from z and the words before.

    Each word is read together with z itself or with a linear map of z to the width of the state
    (`z_input`), which also gives the first state. Without a latent the first state is zero.
    In training, `dropout` applies to the embeddings and to the states that predict words.
    """

    def __init__(
        self,
        words: int,
        *,
        latent: int,
        embedding: int,
        hidden: int,
        dropout: float,
        z_input: ZInput = "mapped",
    ) -> None:
        super().__init__()
        self.words = words
        self.latent = latent
        self.dropout = dropout
        self.word_dropout = 0.0  # share of the words read in training that are unknown
        mapped = latent and z_input == "mapped"
        constant = hidden if mapped else latent
        self.embedding = nn.Embedding(words, embedding)
        self.mapping = nn.Linear(latent, hidden, bias=False) if mapped else nn.Identity()
        self.first_cell = nn.Linear(constant, hidden, bias=False) if latent else None
        self.recurrence = Recurrence(embedding, constant, hidden)
        self.output = nn.Linear(hidden, words, bias=False)

    def log_prob(self, x: Int[Tensor, "n t"], z: Float[Tensor, "k n d"]) -> Float[Tensor, "k n"]:
        """Returns the log-probability of each text at each of its k samples of z, in nats.

        The parts that depend on x alone are computed once for all k; without a latent, that is
        the whole.
        """
        if not self.latent and len(z) > 1:
            return self.log_prob(x, z[:1]).expand(len(z), -1)
        order, limit = rows_by_length(x), rows_per_pass(x)
        columns = []
        for rows in order.split(limit):
            pairs = _pairs(x[rows])
            embedded = self._dropped(self.embedding(self._read(pairs.data[:, 0])))
            reading = self.recurrence.over(embedded, Walk.through(pairs))
            parts = z[:, rows].split(max(1, limit // len(rows)))
            columns.append(torch.cat([self._sums(pairs, reading, part) for part in parts]))
        return torch.cat(columns, 1)[:, order.argsort()]

    def start(self, z: Float[Tensor, "*n d"]) -> State:
        """Returns first state, first cell and the contribution of z to the gates at every step."""
        constant = self.mapping(z)
        return *self._first(constant), self.recurrence.of_rows(constant)

    @torch.no_grad()
    def step(self, words: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n v"], State]:
        """Returns the logits of the next word, and the state after reading `words`."""
        h, c, of_rows = state
        gates = self.recurrence.of_inputs(self.embedding(words)) + of_rows
        h, c = self.recurrence.step(gates, h, c)
        return full(self.output(h)), (h, c, of_rows)

    def _first(self, constant: Float[Tensor, "*n r"]) -> tuple[Tensor, Tensor]:
        """Returns state and cell before the first word."""
        if self.first_cell is None:
            zeros = constant.new_zeros(*constant.shape[:-1], self.recurrence.hidden)
            return zeros, zeros
        cell = self.first_cell(constant)
        return torch.tanh(cell), cell

    def _sums(
        self, pairs: PackedSequence, reading: Reading, z: Float[Tensor, "k n d"]
    ) -> Float[Tensor, "k n"]:
        """Returns the log-probabilities of packed rows, summed over the words of each."""
        constant = self.mapping(z.transpose(0, 1))
        hidden = self._dropped(reading(constant, *self._first(constant)))
        targets = pairs.data[:, 1:].expand(-1, len(z)).flatten()
        each = word_log_probs(hidden.flatten(0, 1), self.output.weight, targets)
        packed = PackedSequence(each.view(-1, len(z)), *pairs[1:])
        by_word: Tensor = pad_packed_sequence(packed)[0]
        return by_word.sum(0).T

    def _read(self, words: Int[Tensor, " w"]) -> Int[Tensor, " w"]:
        """Returns the words with some of them unknown in training; never <s>."""
        if not (self.training and self.word_dropout):
            return words
        lost = torch.rand(words.shape, device=words.device) < self.word_dropout
        return torch.where(lost & (words != START_ID), UNKNOWN_ID, words)

    def _dropped(self, values: Tensor) -> Tensor:
        return F.dropout(values, self.dropout, self.training)


def _pairs(x: Int[Tensor, "n t"]) -> PackedSequence:
    """Returns each word with its successor; rows must be sorted from long to short."""
    pairs = torch.stack([x[:, :-1], x[:, 1:]], -1)
    return pack_padded_sequence(pairs, predicted(x).cpu(), batch_first=True)
