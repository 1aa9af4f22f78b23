"""Texts from a model that gives the logits of the next word: greedy, sampled, beam search."""

import math
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, Float64, Int, Int32, Int64
from torch import Generator, Tensor

from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.errors import UsageError

State: TypeAlias = tuple[Tensor, ...]  # rows are axis 0 of each part
Pick: TypeAlias = Callable[[Tensor, Tensor, int], Tensor]  # logits, their rows, place → words

LIMIT = 100  # words of a text; the report's
BEAMS = 10  # texts of a row that a search follows
FIRST = START_ID + 1  # <s> has the first id; the words that may be produced come behind it
ROWS = 2**14  # texts at a time, all beams counted: their states are held together
# logits at a time, rows × words. On a CPU 24 MiB are fastest: fewer rows make poorer products, and
# what is above 32 MiB malloc takes anew from the system each time. On a GPU 512 MiB.
CPU_LOGITS, GPU_LOGITS = 6 * 2**20, 2**27
# steps between two looks at who has finished; a GPU stops for each
CPU_PATIENCE, GPU_PATIENCE = 1, 8
COLDEST = torch.finfo(torch.float32).tiny  # a lower temperature would be 0 in float32


@runtime_checkable
class Stepper(Protocol):
    """A model that reads texts word by word, many side by side: row i depends on row i alone."""

    @property
    def words(self) -> int:
        """The number of words to choose from, <s> and </s> among them."""
        ...

    def start(self, z: Float[Tensor, "n d"]) -> State:
        """Returns the state before <s> is read."""
        ...

    def step(self, words: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n v"], State]:
        """Returns the logits of what follows `words`, and the state that has read them."""
        ...


def greedy(
    stepper: Stepper, z: Float[Tensor, "n d"], *, limit: int = LIMIT
) -> Int32[Tensor, "n t"]:
    """Returns the texts in which each word is the likeliest one after those before it.

    A row is <s>, at most `limit` words and </s>, then more </s> up to the longest row. <s> is
    never produced. Of equally likely words the one with the lowest id is taken.
    """
    _check(limit=limit)

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
    """Returns texts word by word at random, from softmax(logits / temperature) without <s>.

    Rows as in `greedy`. A word is where the cumulative probability passes a uniform number; each
    row and place has its own, so nothing moves when other rows end. They have 24 bits:
    probabilities hold to about 1e-7.
    """
    _check(limit=limit)
    if not 0 < temperature < math.inf:
        raise UsageError(f"temperature is {temperature}; it must be above 0 and finite.")
    scale = max(temperature, COLDEST)

    def sampled(part: Tensor) -> Tensor:
        uniform = torch.rand(limit, len(part), generator=generator, device=generator.device)
        uniform = uniform.to(z.device)

        def drawn(logits: Tensor, rows: Tensor, place: int) -> Tensor:
            choices = logits[:, FIRST:].float()
            # the largest becomes 0 before the division, which then makes no infinities
            scaled = (choices - choices.amax(1, keepdim=True)) / scale
            cumulative = scaled.softmax(1).cumsum(1)
            # uniform numbers are below 1, so the target is below the total: a word is found
            target = uniform[place - 1, rows, None] * cumulative[:, -1:]
            below = torch.searchsorted(cumulative, target, right=True).squeeze(1)
            return below.clamp(max=choices.shape[1] - 1) + FIRST  # of logits that are not numbers

        return _decoded(stepper, part, drawn, limit)

    return _joined(z, ROWS, limit, sampled)


def beam(
    stepper: Stepper, z: Float[Tensor, "n d"], *, beams: int = BEAMS, limit: int = LIMIT
) -> Int32[Tensor, "n t"]:
    """Returns the likeliest texts found by a search that follows the `beams` best of each row.

    A text's score is the log-probability of its words and of </s>, whatever its length. A
    finished text keeps its place among the best until better ones take it, and a row ends when
    its best is finished, since others can only lose. Texts of `limit` words are closed with
    </s>. Rows as in `greedy`, which a search with one beam equals.
    """
    _check(limit=limit, beams=beams)
    rows = max(1, ROWS // beams)
    return _joined(z, rows, limit, lambda part: _searched(stepper, part, beams, limit))


def _check(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise UsageError(f"{name} is {count}; it must be at least 1.")


def _joined(
    z: Float[Tensor, "n d"], rows: int, limit: int, decode: Callable[[Tensor], Tensor]
) -> Int32[Tensor, "n t"]:
    """Returns the texts of all z, made from `rows` at a time, no wider than the longest."""
    none = torch.empty(0, limit + 2, dtype=torch.int32, device=z.device)
    texts = torch.cat([none, *(decode(part) for part in z.split(rows) if len(part))])
    longest = int((texts != END_ID).any(0).sum()) + 1
    return texts[:, :longest].contiguous()


@torch.no_grad()
def _decoded(
    stepper: Stepper, z: Float[Tensor, "n d"], pick: Pick, limit: int
) -> Int32[Tensor, "n t"]:
    """Returns texts of one picked word after the other; rows that have ended leave the batch."""
    texts = torch.full((len(z), limit + 2), END_ID, dtype=torch.int32, device=z.device)
    texts[:, 0] = START_ID
    rows = torch.arange(len(z), device=z.device)  # those in the batch
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


@torch.no_grad()
def _searched(
    stepper: Stepper, z: Float[Tensor, "n d"], beams: int, limit: int
) -> Int32[Tensor, "n t"]:
    """Returns the best text of each row; rows whose best is finished leave the search."""
    found = torch.empty(len(z), limit + 2, dtype=torch.int32, device=z.device)
    rows = torch.arange(len(z), device=z.device)  # those in the search
    # texts[i, j] = the j-th best text of a row so far; at first there is one
    texts = torch.full((len(z), beams, limit + 2), END_ID, dtype=torch.int32, device=z.device)
    texts[:, :, 0] = START_ID
    scores = torch.full((len(z), beams), -math.inf, dtype=torch.float64, device=z.device)
    scores[:, 0] = 0
    # texts that are live, neither finished nor impossible, have a state and take a step
    live: tuple[Tensor, ...] = (rows, torch.zeros_like(rows))
    state = stepper.start(z)
    for place in range(1, limit + 2):
        values, choices, state = _followers(
            stepper, texts[:, :, place - 1][live], state, beams, closing=place > limit
        )
        origins = torch.zeros_like(scores, dtype=torch.int64)  # of live texts: their states
        origins[live] = torch.arange(len(values), device=z.device)
        scores, parents, words = _best(scores, live, values, choices)
        texts = texts.gather(1, parents[:, :, None].expand_as(texts))
        texts[:, :, place] = words
        found[rows] = texts[:, 0]
        goes_on = (words != END_ID) & (scores > -math.inf)
        going = goes_on[:, 0].nonzero().squeeze(1)
        if not len(going):
            break
        rows, texts, scores = _take((rows, texts, scores), going)
        live = goes_on[going].nonzero(as_tuple=True)
        state = _take(state, origins.gather(1, parents)[going][live])
    return found


def _followers(
    stepper: Stepper, words: Int32[Tensor, " n"], state: State, count: int, *, closing: bool
) -> tuple[Float64[Tensor, "n c"], Int64[Tensor, "n c"], State]:
    """Returns the `count` likeliest next words, their log-probabilities and the states before.

    The log-probabilities come first. When closing there is no word but </s>.
    """
    first, behind = (END_ID, END_ID + 1) if closing else (FIRST, stepper.words)
    found = []
    for _, logits, after in _blocks(stepper, words, state):
        choices = logits[:, first:behind].float()
        top = choices.topk(min(count, choices.shape[1]))
        total = logits.float().logsumexp(1, keepdim=True)  # over <s> too: the model's own
        found.append((top.values.double() - total, top.indices + first, *after))
    values, indices, *states = _cat(found)
    return values, indices, tuple(states)


def _best(
    scores: Float64[Tensor, "n b"],
    live: tuple[Int64[Tensor, " l"], ...],
    values: Float64[Tensor, "l c"],
    choices: Int64[Tensor, "l c"],
) -> tuple[Float64[Tensor, "n b"], Int64[Tensor, "n b"], Int32[Tensor, "n b"]]:
    """Returns the scores of the best next texts of each row, what they prolong and by which word.

    `values` are the log-probabilities of the words `choices` behind each live text. Others go on
    as they are.
    """
    count = values.shape[1]
    ahead = torch.full_like(scores, -math.inf)[:, :, None].repeat(1, 1, count)
    ahead[:, :, 0] = scores
    ahead[live] = scores[live][:, None] + values
    words = torch.full_like(ahead, END_ID, dtype=torch.int32)
    words[live] = choices.int()
    best, order = ahead.flatten(1).topk(scores.shape[1])
    return best, order // count, words.flatten(1).gather(1, order)


def _blocks(
    stepper: Stepper, words: Int[Tensor, " n"], state: State
) -> Iterator[tuple[slice, Tensor, State]]:
    """Yields rows with their logits and next states, so few that the logits stay small."""
    logits_at_a_time = CPU_LOGITS if words.device.type == "cpu" else GPU_LOGITS
    size = max(1, logits_at_a_time // stepper.words)
    for first in range(0, len(words), size):
        block = slice(first, first + size)
        logits, after = stepper.step(words[block], tuple(part[block] for part in state))
        yield block, logits, after


def _cat(parts: list[State]) -> State:
    """Returns states of many rows from those of blocks of them."""
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def _take(state: State, rows: Tensor) -> State:
    """Returns some rows of a state."""
    return tuple(part[rows] for part in state)
