"""The log-probabilities of words under a softmax over a vocabulary, block by block."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

BITS = math.log2(math.e)  # bits in a nat: on a CPU, exp2 takes a third of the time of exp

# Bytes of softmax that forward keeps. Backward takes two products for a kept block and three for
# any other. With 20,000 words this is all of 16,700 positions in bfloat16, 8,300 in float32.
KEPT_BYTES = 640 * 2**20

# Bytes of the softmax of one block, on every device: 419 positions of 20,000 words in float32, 838
# in bfloat16. Larger blocks take up to twice the time on a CPU (docs/log.md, 2026-11-27). Another
# size changes the rounding of gradients.
BLOCK_BYTES = 32 * 2**20 - 2**12


def word_log_probs(
    hidden: Float[Tensor, "m h"],
    weight: Float[Tensor, "v h"],
    targets: Int[Tensor, " m"],
    bias: Float[Tensor, " v"] | None = None,
) -> Float[Tensor, " m"]:
    """Returns log softmax(hidden · weightᵀ + bias)[target] of each row, in nats, at most 0.

    The result is in float32 at least; under autocast to bfloat16, only the products are in
    bfloat16. Memory holds one block of logits at a time and, with gradients, up to `KEPT_BYTES` of
    them until backward; torch's cross entropy holds all logits several times and takes 1.0 to 2.2
    times as long (docs/log.md, 2026-11-27).

    Raises:
        ValueError: shapes do not fit or, on a CPU, a target is not a word.
        RuntimeError: a second derivative is requested (create_graph).
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
    # a length of 1 would be broadcast, and the result would be wrong without an error
    if targets.shape != (rows,):
        raise ValueError(f"targets have shape {tuple(targets.shape)}; it must be ({rows},)")
    if bias is not None and bias.shape != (words,):
        raise ValueError(f"the bias has shape {tuple(bias.shape)}; it must be ({words},)")


def _require_words(targets: Int[Tensor, " m"], words: int) -> None:
    # a GPU checks its indices itself; a check here would wait for it
    if len(targets) and targets.device.type == "cpu":
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= words:
            raise ValueError(
                f"targets range from {low} to {high}; words are numbered 0 to {words - 1}"
            )


def _product_type(given: list[Tensor]) -> torch.dtype:
    """Returns the type in which products are computed."""
    dtype = given[0].dtype
    for tensor in given[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    device = given[0].device.type
    if dtype != torch.float64 and torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    # float16 overflows in a sum over a vocabulary and underflows in a gradient divided by it
    return torch.float32 if dtype == torch.float16 else dtype


class _Layer:
    """A softmax layer with its targets, evaluated in blocks of rows."""

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
        self._spare = self.weight.new_empty(0, len(weight))
        self._bits = self._spare.to(self.full)

    def blocks(self) -> Iterator[slice]:
        """Yields the rows of each block; blocks differ in length by at most one row."""
        m = len(self._hidden)
        count = -(-m // max(1, BLOCK_BYTES // self.row_bytes))
        for i in range(count):
            yield slice(m * i // count, m * (i + 1) // count)

    def table(self, block: slice, *, shared: bool) -> Float[Tensor, "b v"]:
        """Returns memory for the values of a block: its own, or one that the next overwrites."""
        rows = block.stop - block.start
        if not shared:
            return self.weight.new_empty(rows, len(self.weight))
        if len(self._spare) < rows:
            self._spare = self.weight.new_empty(rows, len(self.weight))
        return self._spare[:rows]

    def _in_full(self, table: Float[Tensor, "b v"]) -> Float[Tensor, "b v"]:
        """Returns the table in full precision: itself, or a copy that the next call overwrites."""
        if table.dtype == self.full:
            return table
        if len(self._bits) < len(table):
            self._bits = torch.empty_like(table, dtype=self.full)
        return self._bits[: len(table)].copy_(table)

    def fill(
        self, block: slice, table: Float[Tensor, "b v"], *, values: bool
    ) -> tuple[Tensor, Tensor]:
        """Returns log p(target) in nats, and T of each row, with the table as working memory.

        With `values`, table[i, w] / T[i] becomes p(w) − [w is target i]: backward applies the
        factors of the rows to smaller matrices, not to the table.
        """
        hidden = (self._hidden[block].to(self.full) * BITS).to(self.weight.dtype)
        targets = self._targets[block]
        torch.mm(hidden, self.weight.T, out=table)
        own = (hidden.to(self.full) * self.weight[targets].to(self.full)).sum(1)
        bits = self._in_full(table)
        if self._bias is not None:
            own += self._bias[targets]
            bits += self._bias
        log_probs, totals = _exponentiate(bits, own, targets)
        if values and table.dtype != self.full:
            table.copy_(bits)
        return log_probs, totals


def _exponentiate(
    bits: Float[Tensor, "b v"], own: Float[Tensor, " b"], targets: Int[Tensor, " b"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Returns log p(target) and T; the logits, in bits, are replaced by the values of the table.

    The target's own logit is handled separately, so that p < 1 and p − 1 keep their digits.
    """
    bits.scatter_(1, targets[:, None], -math.inf)
    top = torch.maximum(bits.amax(1), own)
    others = bits.sub_(top[:, None]).exp2_().sum(1)
    bits.scatter_(1, targets[:, None], -others[:, None])
    own = own - top
    totals = others + own.exp2()
    return own / BITS - totals.log(), totals


class _WordLogProbs(torch.autograd.Function):
    """The log-probabilities, with a backward pass that uses the tables kept by forward."""

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
                log_probs[block], totals[block] = layer.fill(block, table, values=keeps)
                if keeps:
                    kept.append(table)
        if keep:
            ctx.dtype = dtype
            ctx.save_for_backward(hidden, weight, bias, targets, totals, *kept)
        return log_probs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        # once_differentiable returns 0 for a second derivative where `gradient` is constant
        if torch.is_grad_enabled():
            raise RuntimeError("word_log_probs has one derivative; create_graph requests a second")
        hidden, weight, bias, targets, totals, *kept = ctx.saved_tensors
        given = hidden, weight, bias
        # sums over blocks in full precision; None where no gradient is wanted
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
                    layer.fill(block, table, values=True)
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
    """Adds tableᵀ · right to `total`."""
    if table.dtype == total.dtype:
        total.addmm_(table.T, right)
    else:
        total += torch.mm(table.T, right.to(table.dtype))
