"""The log-probabilities of words under a softmax over a vocabulary, block by block."""

import dataclasses
import math
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

BITS = math.log2(math.e)  # bits in a nat: on a CPU, exp2 takes a third of the time of exp

# Bytes of softmax that forward keeps. Backward takes two products for what was kept, three for
# the rest. With 20,000 words this is all of 16,700 positions in bfloat16, 8,300 in float32.
KEPT_BYTES = 640 * 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tiling:
    """How many rows and words a step takes at once; the fastest on one core of a Zen 4."""

    rows: int  # of a block, which is worked through before the next
    bytes: int  # of a block
    words: int  # of a product: float32 takes a third longer where a tile is far from square
    stripe: int  # rows of a block that stay in the cache from one pass of softmax to the next


EVERY = 2**62  # more than there are words, rows or bytes
TABLE_BYTES = 32 * 2**20 - 2**12  # of a block; another size rounds otherwise
CPU = _Tiling(rows=512, bytes=TABLE_BYTES, words=256, stripe=32)
# bfloat16 adds up the weight's gradient in float32, a pass for each block: fewer blocks are better
CPU_BFLOAT16 = _Tiling(rows=1024, bytes=TABLE_BYTES, words=EVERY, stripe=32)
GPU = _Tiling(rows=4096, bytes=EVERY, words=EVERY, stripe=EVERY)


def word_log_probs(
    hidden: Float[Tensor, "m h"],
    weight: Float[Tensor, "v h"],
    targets: Int[Tensor, " m"],
    bias: Float[Tensor, " v"] | None = None,
) -> Float[Tensor, " m"]:
    """Returns log softmax(hidden · weightᵀ + bias)[target] of each row, in nats, at most 0.

    In float32 at least; under autocast to bfloat16 the products alone are in bfloat16. The logits
    are never in memory together: a block of them is, and with gradients up to `KEPT_BYTES` until
    backward. Raises ValueError where shapes do not fit or, on a CPU, a target is not a word, and
    RuntimeError where a second derivative is asked for (create_graph).
    """
    _require_shapes(len(hidden), len(weight), targets, bias)
    _require_words(targets, len(weight))
    given = [tensor for tensor in (hidden, weight, bias) if tensor is not None]
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    dtype = _product_type(given)
    log_probs: Tensor = _WordLogProbs.apply(  # type: ignore[no-untyped-call]  # torch's own method
        hidden, weight, bias, targets.long(), dtype, keep
    )
    return log_probs


def _require_shapes(rows: int, words: int, targets: Tensor, bias: Tensor | None) -> None:
    # of length 1 either would be broadcast, and the answer wrong without a word
    if targets.shape != (rows,):
        raise ValueError(f"targets have shape {tuple(targets.shape)}; it must be ({rows},)")
    if bias is not None and bias.shape != (words,):
        raise ValueError(f"the bias has shape {tuple(bias.shape)}; it must be ({words},)")


def _require_words(targets: Int[Tensor, " m"], words: int) -> None:
    # a GPU checks its indices itself, without a wait for it
    if len(targets) and targets.device.type == "cpu":
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= words:
            raise ValueError(
                f"targets go from {low} to {high}; words are numbered 0 to {words - 1}"
            )


def _product_type(given: list[Tensor]) -> torch.dtype:
    """Returns the type that products are worked out in."""
    dtype = given[0].dtype
    for tensor in given[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    device = given[0].device.type
    if dtype != torch.float64 and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    # float16 has no room for a sum over a vocabulary, nor for a gradient divided by it
    return torch.float32 if dtype == torch.float16 else dtype


class _Tables:
    """A CPU's memory for tables: what no tensor is left in is used for the next one.

    An allocator would give each step new memory, or keep holes that no other step's table fits.
    """

    def __init__(self) -> None:
        self._free: list[npt.NDArray[np.uint8]] = []

    def empty(self, rows: int, words: int, dtype: torch.dtype) -> Float[Tensor, "b v"]:
        """Returns a table with any values in it."""
        size = rows * words * dtype.itemsize
        fits = (i for i, memory in enumerate(self._free) if len(memory) >= size)
        place = next(fits, None)
        if place is None:
            memory = torch.empty(max(size, TABLE_BYTES), dtype=torch.uint8).numpy()
        else:
            memory = self._free.pop(place)
        part = memory[:size]  # lives as long as the last tensor that has its values
        weakref.finalize(part, self._free.append, memory).atexit = False
        return torch.from_numpy(part).view(dtype).view(rows, words)


TABLES = _Tables()


class _Layer:
    """A softmax layer with its targets, and the blocks of rows that it is worked out in."""

    def __init__(
        self,
        hidden: Float[Tensor, "m h"],
        weight: Float[Tensor, "v h"],
        bias: Float[Tensor, " v"] | None,
        targets: Int[Tensor, " m"],
        dtype: torch.dtype,
    ) -> None:
        self.full = torch.promote_types(dtype, torch.float32)
        self.weight = weight.to(dtype)
        self.row_bytes = len(weight) * dtype.itemsize
        self._hidden, self._targets = hidden, targets
        self._bias = None if bias is None else bias.to(self.full) * BITS
        self._tiling = GPU
        if hidden.device.type == "cpu":
            self._tiling = CPU if dtype == self.full else CPU_BFLOAT16
        self._spare = self.weight.new_empty(0, len(weight))

    def blocks(self) -> Iterator[slice]:
        """Yields the rows of each block; blocks are as equal as can be."""
        m, tiling = len(self._hidden), self._tiling
        count = -(-m // max(1, min(tiling.rows, tiling.bytes // self.row_bytes)))
        for i in range(count):
            yield slice(m * i // count, m * (i + 1) // count)

    def table(self, block: slice, *, shared: bool) -> Float[Tensor, "b v"]:
        """Returns memory for a block's values: its own, or what the next block overwrites."""
        rows = block.stop - block.start
        if not shared:
            return self._empty(rows)
        if len(self._spare) < rows:
            self._spare = self._empty(rows)
        return self._spare[:rows]

    def _empty(self, rows: int) -> Float[Tensor, "b v"]:
        if self.weight.device.type == "cpu":
            return TABLES.empty(rows, len(self.weight), self.weight.dtype)
        return self.weight.new_empty(rows, len(self.weight))

    def fill(self, block: slice, table: Float[Tensor, "b v"]) -> tuple[Tensor, Tensor]:
        """Returns log p(target) in nats, and T: table[i, w] / T[i] becomes p(w) − [w is target i].

        So backward needs no pass over the table: its rows' factors go to smaller matrices.
        """
        hidden = (self._hidden[block].to(self.full) * BITS).to(self.weight.dtype)
        targets = self._targets[block]
        for start in range(0, len(self.weight), self._tiling.words):
            words = slice(start, start + self._tiling.words)
            torch.mm(hidden, self.weight[words].T, out=table[:, words])
        own = (hidden.to(self.full) * self.weight[targets].to(self.full)).sum(1)
        if self._bias is not None:
            own += self._bias[targets]
        totals = torch.empty_like(own)
        for start in range(0, len(table), self._tiling.stripe):
            rows = slice(start, start + self._tiling.stripe)
            bits = table[rows].to(self.full)  # the table's own memory, or a copy of the stripe
            if self._bias is not None:
                bits += self._bias
            own[rows], totals[rows] = _exponentiate(bits, own[rows], targets[rows])
            if table.dtype != self.full:
                table[rows] = bits
        return own, totals


def _exponentiate(
    bits: Float[Tensor, "b v"], own: Float[Tensor, " b"], targets: Int[Tensor, " b"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Returns log p(target) and T of rows of logits in bits, which become the table's values.

    The target's own logit is taken apart: p < 1 and p − 1 keep their digits.
    """
    bits.scatter_(1, targets[:, None], -math.inf)
    top = torch.maximum(bits.amax(1), own)
    others = bits.sub_(top[:, None]).exp2_().sum(1)
    bits.scatter_(1, targets[:, None], -others[:, None])
    own = own - top
    totals = others + own.exp2()
    return own / BITS - totals.log(), totals


class _WordLogProbs(torch.autograd.Function):
    """The log-probabilities, with the way back written out from the tables that were kept."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 - torch wants tensors one by one
        ctx: Any,  # noqa: ANN401 - torch's context, of no public type
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        dtype: torch.dtype,
        keep: bool,
    ) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            layer = _Layer(hidden, weight, bias, targets, dtype)
            log_probs = hidden.new_empty(len(hidden), dtype=layer.full)
            totals = torch.empty_like(log_probs)
            kept: list[Tensor] = []
            for block in layer.blocks():
                keeps = keep and block.stop * layer.row_bytes <= KEPT_BYTES
                table = layer.table(block, shared=not keeps)
                log_probs[block], totals[block] = layer.fill(block, table)
                if keeps:
                    kept.append(table)
        if keep:
            ctx.dtype = dtype
            ctx.save_for_backward(hidden, weight, bias, targets, totals, *kept)
        return log_probs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        # once_differentiable lets a second derivative pass, as 0, where `gradient` is constant
        if torch.is_grad_enabled():
            raise RuntimeError("word_log_probs has one derivative; create_graph asks for a second")
        hidden, weight, bias, targets, totals, *kept = ctx.saved_tensors
        given = hidden, weight, bias
        # summed over blocks in full; one that nobody wants costs nothing
        sums = [
            torch.zeros_like(tensor, dtype=totals.dtype) if wanted else None
            for tensor, wanted in zip(given, ctx.needs_input_grad[:3], strict=True)
        ]
        d_hidden, d_weight, d_bias = sums
        factors = -gradient[:, None] / totals[:, None]
        with torch.autocast(hidden.device.type, enabled=False):
            layer = _Layer(hidden, weight, bias, targets, ctx.dtype)
            for i, block in enumerate(layer.blocks()):
                if i < len(kept):
                    table = kept[i]
                else:
                    table = layer.table(block, shared=True)
                    layer.fill(block, table)
                if d_hidden is not None:
                    d_hidden[block] = torch.mm(table, layer.weight) * factors[block]
                if d_weight is not None:
                    _add_product(d_weight, table, hidden[block] * factors[block])
                if d_bias is not None:
                    _add_product(d_bias[:, None], table, factors[block])
        back = (None if d is None else d.to(x.dtype) for d, x in zip(sums, given, strict=True))
        return *back, None, None, None


def _add_product(
    total: Float[Tensor, "v h"], table: Float[Tensor, "b v"], right: Float[Tensor, "b h"]
) -> None:
    """Adds tableᵀ · right to the total."""
    if table.dtype == total.dtype:
        total.addmm_(table.T, right)
    else:
        total += torch.mm(table.T, right.to(table.dtype))
