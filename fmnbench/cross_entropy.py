"""The log-probabilities of words under a softmax over a vocabulary, block by block."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

BITS = math.log2(math.e)  # bits in a nat: exp2 takes a third of exp's time on a CPU

# Bytes of softmax that forward keeps. Backward of what is kept takes two products, of what is
# not three: its softmax is worked out again. float32 stays under 1 GB at 12,864 × 20,000.
KEPT_BYTES = 640 * 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Tiling:
    """How many rows and words go through each step at once; measured on one core of a Zen 4."""

    rows: int  # in a block: one table of block × vocabulary is in work at a time
    words: int  # in one product: float32 takes a third longer if a tile is not near square
    stripe: int  # rows of a block whose softmax stays in the cache from pass to pass


EVERY = 2**62  # more words than any vocabulary has
CPU = _Tiling(rows=512, words=256, stripe=32)
# The product splits by itself; the rounded parts of the weight's gradient are added up in float32,
# which few blocks make cheap.
CPU_BFLOAT16 = _Tiling(rows=2048, words=EVERY, stripe=32)
GPU = _Tiling(rows=4096, words=EVERY, stripe=4096)


def word_log_probs(
    hidden: Float[Tensor, "m h"],
    weight: Float[Tensor, "v h"],
    targets: Int[Tensor, " m"],
    bias: Float[Tensor, " v"] | None = None,
) -> Float[Tensor, " m"]:
    """Returns log softmax(hidden · weightᵀ + bias)[target] of each row, in nats.

    In float32 at least; under autocast to bfloat16 only the products are of bfloat16. Each of
    hidden, weight and bias may be differentiated by, once. Memory: `KEPT_BYTES`, one block and
    the gradients; without gradients one block. Raises ValueError where, on a CPU, a target is
    not a word.
    """
    _require_words(targets, len(weight))
    given = [tensor for tensor in (hidden, weight, bias) if tensor is not None]
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    dtype = _product_type(given)
    log_probs: Tensor = _WordLogProbs.apply(  # type: ignore[no-untyped-call]  # torch's own method
        hidden, weight, bias, targets.long(), dtype, keep
    )
    return log_probs


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


class _Layer:
    """A softmax layer in bits, and the blocks of rows that it is worked out in."""

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
        self._hidden = (hidden.to(self.full) * BITS).to(dtype)
        self._bias = None if bias is None else bias.to(self.full) * BITS
        self._targets = targets
        self._tiling = GPU
        if hidden.device.type == "cpu":
            self._tiling = CPU if dtype == self.full else CPU_BFLOAT16
        self._spare: Tensor | None = None

    def blocks(self) -> Iterator[slice]:
        """Yields the rows of each block; blocks are as equal as can be."""
        m = len(self._hidden)
        count = -(-m // self._tiling.rows)
        for i in range(count):
            yield slice(m * i // count, m * (i + 1) // count)

    def kept(self) -> int:
        """Returns the number of blocks whose tables may be kept."""
        return KEPT_BYTES // (self._tiling.rows * self.weight.dtype.itemsize * len(self.weight))

    def fresh(self, block: slice) -> Float[Tensor, "b v"]:
        return self.weight.new_empty(block.stop - block.start, len(self.weight))

    def shared(self, block: slice) -> Float[Tensor, "b v"]:
        """Returns memory for a block's table that the next block's takes over."""
        rows = block.stop - block.start
        if self._spare is None or len(self._spare) < rows:
            self._spare = self.fresh(block)
        return self._spare[:rows]

    def fill(self, block: slice, table: Float[Tensor, "b v"]) -> tuple[Tensor, Tensor]:
        """Returns log p(target) in nats, and T: table[i, w] / T[i] becomes p(w) − [w is target i].

        So backward needs no pass over the table: its rows' factors go to smaller matrices.
        """
        hidden, targets = self._hidden[block], self._targets[block]
        for at in range(0, len(self.weight), self._tiling.words):
            words = slice(at, at + self._tiling.words)
            torch.mm(hidden, self.weight[words].T, out=table[:, words])
        own = (hidden.to(self.full) * self.weight[targets].to(self.full)).sum(1)
        if self._bias is not None:
            own += self._bias[targets]
        totals = torch.empty_like(own)
        stripe = min(self._tiling.stripe, len(table))
        work = table.new_empty(stripe, len(self.weight), dtype=self.full)
        for at in range(0, len(table), self._tiling.stripe):
            rows = slice(at, at + self._tiling.stripe)
            values = table[rows]
            if table.dtype != self.full:
                values = work[: len(values)].copy_(values)
            if self._bias is not None:
                values += self._bias
            own[rows], totals[rows] = _exponentiate(values, own[rows], targets[rows])
            if table.dtype != self.full:
                table[rows] = values
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
                keeps = keep and len(kept) < layer.kept()
                table = layer.fresh(block) if keeps else layer.shared(block)
                log_probs[block], totals[block] = layer.fill(block, table)
                if keeps:
                    kept.append(table)
        if keep:
            ctx.dtype = dtype
            ctx.save_for_backward(hidden, weight, bias, targets, totals, *kept)
        return log_probs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        hidden, weight, bias, targets, totals, *kept = ctx.saved_tensors
        with torch.autocast(hidden.device.type, enabled=False):
            layer = _Layer(hidden, weight, bias, targets, ctx.dtype)
            scale = -gradient / totals
            d_hidden = torch.zeros_like(hidden)
            d_weight = torch.zeros_like(weight, dtype=totals.dtype)
            d_bias = None if bias is None else torch.zeros_like(bias, dtype=totals.dtype)
            for i, block in enumerate(layer.blocks()):
                if i < len(kept):
                    table = kept[i]
                else:
                    table = layer.shared(block)
                    layer.fill(block, table)
                s = scale[block, None]
                d_hidden[block] = torch.mm(table, layer.weight) * s
                sx = (hidden[block] * s).to(ctx.dtype)
                if ctx.dtype == totals.dtype:
                    d_weight.addmm_(table.T, sx)
                else:
                    d_weight += torch.mm(table.T, sx)
                if d_bias is not None:
                    d_bias += torch.mv(table.T, scale[block].to(ctx.dtype))
        return d_hidden, d_weight.to(weight.dtype), d_bias, None, None, None
