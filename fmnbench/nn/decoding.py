"""Texts from a model that gives the logits of the next word: greedy or sampled."""

import math
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, Int, Int32
from torch import Generator, Tensor

from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.errors import UsageError

State: TypeAlias = tuple[Tensor, ...]  # rows are axis 0 of each part
Pick: TypeAlias = Callable[[Tensor, Tensor, int], Tensor]  # logits, their rows, place → words

LIMIT = 100  # words of a text; the report's
FIRST = START_ID + 1  # <s> has the lowest id; all later ids may be produced
ROWS = 2**14  # texts at a time: their states are held together
# Logits at a time, rows × words. On a CPU, 24 MiB are fastest: fewer rows make the products less
# efficient, and malloc requests more than 32 MiB from the system each time. On a GPU, 512 MiB.
CPU_LOGITS, GPU_LOGITS = 6 * 2**20, 2**27
# Steps between two checks for finished rows; a GPU has to wait for each check.
CPU_PATIENCE, GPU_PATIENCE = 1, 8
COLDEST = torch.finfo(torch.float32).tiny  # a lower temperature would be 0 in float32


@runtime_checkable
class Stepper(Protocol):
    """A model that reads many texts in parallel, word by word; each row is independent."""

    @property
    def words(self) -> int:
        """The number of words to choose from, <s> and </s> among them."""
        ...

    def start(self, z: Float[Tensor, "n d"]) -> State:
        """Returns the state before <s>."""
        ...

    def step(self, words: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n v"], State]:
        """Returns the logits of the words after `words`, and the state after reading `words`."""
        ...


def greedy(
    stepper: Stepper, z: Float[Tensor, "n d"], *, limit: int = LIMIT
) -> Int32[Tensor, "n t"]:
    """Returns texts in which each word is the most likely one given the words before it.

    A row is <s>, at most `limit` words and </s>, padded with </s> to the longest row. <s> is
    never produced. Ties go to the word with the lowest id.
    """
    _require_limit(limit)

    def likeliest(logits: Tensor, _: Tensor, __: int) -> Tensor:
        return logits[:, FIRST:].argmax(1) + FIRST

    return _joined(z, ROWS, limit, lambda part: _decoded(stepper, part, likeliest, limit))


def sample(
    stepper: Stepper,
    z: Float[Tensor, "n d"],
    generator: Generator,
    *,
    temperature: float = 1.0,
    limit: int = LIMIT,
) -> Int32[Tensor, "n t"]:
    """Returns texts drawn word by word from softmax(logits / temperature), without <s>.

    Rows are as in `greedy`. A word is drawn where the cumulative probability exceeds a uniform
    number. Each row and position has its own number, so a draw does not depend on when other rows
    end. The numbers have 24 bits: probabilities are accurate to about 1e-7.
    """
    _require_limit(limit)
    if not 0 < temperature < math.inf:
        raise UsageError(f"temperature is {temperature}; it must be above 0 and finite.")
    scale = max(temperature, COLDEST)

    def sampled(part: Tensor) -> Tensor:
        uniform = torch.rand(limit, len(part), generator=generator, device=generator.device)
        uniform = uniform.to(z.device)

        def drawn(logits: Tensor, rows: Tensor, place: int) -> Tensor:
            choices = logits[:, FIRST:].float()
            # the largest logit becomes 0 first, so the division cannot overflow
            scaled = (choices - choices.amax(1, keepdim=True)) / scale
            cumulative = scaled.softmax(1).cumsum(1)
            # uniform numbers are below 1, so the target is below the total and a word is found
            target = uniform[place - 1, rows, None] * cumulative[:, -1:]
            below = torch.searchsorted(cumulative, target, right=True).squeeze(1)
            return below.clamp(max=choices.shape[1] - 1) + FIRST  # for NaN logits

        return _decoded(stepper, part, drawn, limit)

    return _joined(z, ROWS, limit, sampled)


def _require_limit(limit: int) -> None:
    if limit < 1:
        raise UsageError(f"limit is {limit}; it must be at least 1.")


def _joined(
    z: Float[Tensor, "n d"], rows: int, limit: int, decode: Callable[[Tensor], Tensor]
) -> Int32[Tensor, "n t"]:
    """Returns the texts of all z, decoded `rows` at a time, cut to the longest text."""
    none = torch.empty(0, limit + 2, dtype=torch.int32, device=z.device)
    texts = torch.cat([none, *(decode(part) for part in z.split(rows) if len(part))])
    longest = int((texts != END_ID).any(0).sum()) + 1
    return texts[:, :longest].contiguous()


@torch.no_grad()
def _decoded(
    stepper: Stepper, z: Float[Tensor, "n d"], pick: Pick, limit: int
) -> Int32[Tensor, "n t"]:
    """Returns texts built from one picked word per step; finished rows leave the batch."""
    texts = torch.full((len(z), limit + 2), END_ID, dtype=torch.int32, device=z.device)
    texts[:, 0] = START_ID
    rows = torch.arange(len(z), device=z.device)  # the rows still in the batch
    words, state = texts[:, 0].long(), stepper.start(z)
    patience = CPU_PATIENCE if z.device.type == "cpu" else GPU_PATIENCE
    for place in range(1, limit + 1):
        steps = [
            (pick(logits, rows[block], place), after)
            for block, logits, after in _blocks(stepper, words, state)
        ]
        picked, state = torch.cat([word for word, _ in steps]), _cat([after for _, after in steps])
        words = torch.where(words == END_ID, words, picked)
        texts[rows, place] = words.int()
        if place % patience:
            continue
        going = (words != END_ID).nonzero().squeeze(1)
        if not len(going):
            break
        if len(going) < len(rows):
            rows, words, state = rows[going], words[going], _take(state, going)
    return texts


def _blocks(
    stepper: Stepper, words: Int[Tensor, " n"], state: State
) -> Iterator[tuple[slice, Tensor, State]]:
    """Yields blocks of rows with their logits and next states; a block bounds the memory."""
    logits_at_a_time = CPU_LOGITS if words.device.type == "cpu" else GPU_LOGITS
    size = max(1, logits_at_a_time // stepper.words)
    for first in range(0, len(words), size):
        block = slice(first, first + size)
        logits, after = stepper.step(words[block], tuple(part[block] for part in state))
        yield block, logits, after


def _cat(parts: list[State]) -> State:
    """Returns the state of all rows from the states of blocks of rows."""
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def _take(state: State, rows: Tensor) -> State:
    """Returns the given rows of a state."""
    return tuple(part[rows] for part in state)
