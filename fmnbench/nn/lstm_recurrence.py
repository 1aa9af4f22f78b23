"""The recurrence of an LSTM over packed rows: the constant part of a row is computed once.

Beside torch's own LSTM it takes a CPU 0.2 to 0.4 of the time in training and 0.3 to 0.7 in
evaluation (benchmarks/speed/text_layers.py). On a GPU torch's LSTM, which is cuDNN's there, trains
4.3 times as fast as this one (docs/log.md, 2026-11-26 and 2026-11-27).
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

# the constant input of each row, first state and first cell → the states after each step:
# (n, k, r), (n, k, h) and (n, k, h) → (m, k, h)
Reading: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]

GATES = 4  # input, forget, candidate and output, in torch's order


@dataclasses.dataclass(frozen=True, kw_only=True)
class Walk:
    """The steps of packed rows: `sizes` rows at each step, the first ones of the step before.

    With `keep`, forward stores what backward needs.
    """

    sizes: tuple[int, ...]
    keep: bool

    @classmethod
    def through(cls, packed: PackedSequence) -> "Walk":
        """Returns the steps through packed rows."""
        return cls(sizes=tuple(packed.batch_sizes.tolist()), keep=torch.is_grad_enabled())

    def steps(self) -> Iterator[slice]:
        """Yields the slice of packed rows of each step."""
        begin = 0
        for size in self.sizes:
            yield slice(begin, begin + size)
            begin += size


class Recurrence(nn.Module):
    """An LSTM layer with `inputs` that vary by step and `constant` inputs that do not.

    Its weights are those of an nn.LSTM with `inputs` + `constant` inputs.
    """

    def __init__(self, inputs: int, constant: int, hidden: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.hidden = hidden
        self.cell = nn.LSTMCell(inputs + constant, hidden)

    def over(self, inputs: Float[Tensor, "m e"], walk: Walk) -> Reading:
        """Returns the layer over packed inputs, in the way that is faster on their device."""
        if inputs.device.type == "cuda":
            return functools.partial(self.by_cudnn, inputs, walk)
        of_inputs = self.of_inputs(inputs)  # once for all samples

        def by_steps(constant: Tensor, h: Tensor, c: Tensor) -> Tensor:
            states: Tensor = self(of_inputs, self.of_rows(constant), h, c, walk)
            return states

        return by_steps

    def by_cudnn(
        self,
        inputs: Float[Tensor, "m e"],
        walk: Walk,
        constant: Float[Tensor, "n k r"],
        h: Float[Tensor, "n k h"],
        c: Float[Tensor, "n k h"],
    ) -> Float[Tensor, "m k h"]:
        """Returns the states after each step from torch's LSTM, which is cuDNN's on a GPU.

        One call takes all steps, where `forward` launches a dozen kernels for each. It runs
        without autocast: cells are sums over all steps, and cuDNN keeps the type of its inputs.
        """
        samples, dtype = h.shape[1], self.cell.weight_hh.dtype
        sizes = torch.tensor(walk.sizes)
        firsts = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
        rows = (torch.arange(len(inputs)) - firsts).to(inputs.device)
        beside = inputs[:, None].expand(-1, samples, -1)
        data = torch.cat([beside.to(dtype), constant.to(dtype)[rows]], 2).flatten(0, 1)
        first = [state.to(dtype).flatten(0, 1)[None].contiguous() for state in (h, c)]
        cell = self.cell
        weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
        parts = torch.cat([weight.flatten() for weight in weights]).split(
            [weight.numel() for weight in weights]
        )  # contiguous in memory, as cuDNN requires
        with torch.autocast(inputs.device.type, enabled=False):
            states, _, _ = torch.lstm(
                data,
                sizes * samples,
                first,
                [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)],
                has_biases=True,
                num_layers=1,
                dropout=0.0,
                train=walk.keep,  # cuDNN's word for: store what backward needs
                bidirectional=False,
            )
        return states.view(-1, samples, self.hidden)

    def of_inputs(self, inputs: Float[Tensor, "m e"]) -> Float[Tensor, "m g"]:
        """Returns the contribution of the step inputs to the gates."""
        return F.linear(inputs, self.cell.weight_ih[:, : self.inputs])

    def of_rows(self, constant: Float[Tensor, "*n r"]) -> Float[Tensor, "*n g"]:
        """Returns the contribution of the constant inputs and the biases to the gates."""
        bias = self.cell.bias_ih + self.cell.bias_hh
        return F.linear(constant, self.cell.weight_ih[:, self.inputs :], bias)

    def forward(
        self,
        of_inputs: Float[Tensor, "m g"],
        of_rows: Float[Tensor, "n k g"],
        h: Float[Tensor, "n k h"],
        c: Float[Tensor, "n k h"],
        walk: Walk,
    ) -> Float[Tensor, "m k h"]:
        """Returns the states after each step of packed rows, for all k samples of a row."""
        dtype = of_inputs.dtype
        weight = self.cell.weight_hh.to(dtype)
        states: Tensor = _Steps.apply(  # type: ignore[no-untyped-call]  # torch's own method
            of_inputs, of_rows.to(dtype), weight, h.to(dtype), full(c), walk
        )
        return states

    @torch.no_grad()
    def step(
        self,
        gates: Float[Tensor, "n g"],
        h: Float[Tensor, "n h"],
        c: Float[Tensor, "n h"],
    ) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]]:
        """Returns state and cell after one step; overwrites `gates`, which lack the part of h."""
        c = full(c)
        new_h, new_c = torch.empty_like(h, dtype=gates.dtype), torch.empty_like(c)
        weight = self.cell.weight_hh.to(gates.dtype)
        _advance(gates, weight.T, (h.to(gates.dtype), c), (new_h, new_c))
        return new_h, new_c


def full(cells: Tensor) -> Tensor:
    """Returns cells in at least float32: they are sums over all steps."""
    return cells.float() if cells.dtype == torch.bfloat16 else cells


def _advance(
    gates: Float[Tensor, "n g"],
    weight: Float[Tensor, "h g"],
    state: tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]],
    new: tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]],
) -> None:
    """Takes one step: completes the gates in place, and fills the new state and cell.

    The new state and cell may share the memory of the old ones.
    """
    (h, c), (new_h, new_c) = state, new
    size = h.shape[1]
    gates.addmm_(h, weight)
    enter, forget, candidate, leave = gates.split(size, 1)
    gates[:, : 2 * size].sigmoid_()
    candidate.tanh_()
    leave.sigmoid_()
    torch.mul(forget, c, out=new_c)
    new_c.addcmul_(enter, candidate)
    torch.mul(leave, new_c.tanh(), out=new_h)


class _Steps(torch.autograd.Function):
    """All steps of packed rows, with an explicit backward pass.

    Autograd would add to the gradient of the recurrent weights at every step; here it is one
    product over all steps: three times as fast with 1,024 units.
    """

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 - torch wants tensors one by one
        ctx: Any,  # noqa: ANN401 - torch's context, of no public type
        of_inputs: Tensor,
        of_rows: Tensor,
        weight: Tensor,
        h: Tensor,
        c: Tensor,
        walk: Walk,
    ) -> Tensor:
        samples, size = h.shape[1:]
        rows = len(of_inputs) if walk.keep else len(h)
        gates = of_inputs.new_empty(rows, samples, GATES * size)
        cells = c.new_empty(rows, samples, size)
        hidden = h.new_empty(len(of_inputs), samples, size)
        transposed = weight.T
        first = h, c
        for here in walk.steps():
            rows = here.stop - here.start
            kept = here if walk.keep else slice(rows)
            torch.add(of_inputs[here, None], of_rows[:rows], out=gates[kept])
            state = h[:rows].flatten(0, 1), c[:rows].flatten(0, 1)
            h, c = hidden[here], cells[kept]
            _advance(
                gates[kept].flatten(0, 1), transposed, state, (h.flatten(0, 1), c.flatten(0, 1))
            )
        if walk.keep:
            ctx.walk = walk
            ctx.save_for_backward(weight, *first, gates, cells, hidden)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        weight, first_h, first_c, gates, cells, hidden = ctx.saved_tensors
        steps = list(ctx.walk.steps())
        d_gates = torch.empty_like(gates)
        d_rows = first_c.new_zeros(*first_c.shape[:2], gates.shape[2])
        # contiguous, whatever the strides of the first state: they are filled as rows
        dh, dc = first_h.new_zeros(first_h.shape), first_c.new_zeros(first_c.shape)
        before = [first_h[: ctx.walk.sizes[0]]]  # the state before each step
        for number in reversed(range(len(steps))):
            here, rows = steps[number], ctx.walk.sizes[number]
            start = steps[number - 1].start if number else 0
            c = (cells if number else first_c)[start : start + rows]
            _retreat(
                gates[here],
                (c, cells[here]),
                dh[:rows].add_(d_hidden[here]),
                dc[:rows],
                d_gates[here],
            )
            d_rows[:rows] += d_gates[here]
            torch.mm(d_gates[here].flatten(0, 1), weight, out=dh[:rows].flatten(0, 1))
        for last, rows in zip(steps[:-1], ctx.walk.sizes[1:], strict=True):
            before.append(hidden[last.start : last.start + rows])
        d_weight = d_gates.flatten(0, 1).T @ torch.cat(before).flatten(0, 1)
        d_inputs = d_gates[:, 0] if gates.shape[1] == 1 else d_gates.sum(1)
        return d_inputs, d_rows.to(gates.dtype), d_weight, dh, dc, None


def _retreat(
    gates: Float[Tensor, "n k g"],
    cells: tuple[Float[Tensor, "n k h"], Float[Tensor, "n k h"]],
    dh: Float[Tensor, "n k h"],
    dc: Float[Tensor, "n k h"],
    d_gates: Float[Tensor, "n k g"],
) -> None:
    """Takes one step back: fills the gradient of the gates, and that of the old cell in `dc`.

    `cells` are the old and the new cell.
    """
    old, new = cells
    size = new.shape[2]
    enter, forget, candidate, leave = gates.split(size, 2)
    d_enter, d_forget, d_candidate, d_leave = d_gates.split(size, 2)
    squashed = new.tanh()
    torch.mul(dh, squashed, out=d_leave)
    dc += torch.ops.aten.tanh_backward(dh * leave, squashed)
    torch.mul(dc, candidate, out=d_enter)
    torch.mul(dc, old, out=d_forget)
    torch.mul(dc, enter, out=d_candidate)
    for gate in (slice(2 * size), slice(3 * size, None)):
        part = d_gates[..., gate]
        torch.ops.aten.sigmoid_backward.grad_input(part, gates[..., gate], grad_input=part)
    torch.ops.aten.tanh_backward.grad_input(d_candidate, candidate, grad_input=d_candidate)
    dc *= forget
