"""The layers of `lstm` beside torch's own: the words' cross entropy and the recurrence.

python benchmarks/speed/text_layers.py [--hidden N] [--rounds N]
(one thread; medians of interleaved rounds; about two minutes for each size)

Times are CPU seconds of this process, which other work on the machine hardly changes. Lengths of
texts differ from round to round, as they do in training. Run it with the environment of a worker
(`MEMORY` in fmnbench/runs/executors/local.py); the script starts itself again with it.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from fmnbench.nn.cross_entropy import word_log_probs
from fmnbench.nn.lstm_recurrence import Recurrence, Walk
from fmnbench.nn.precision import autocast
from fmnbench.rng import stream
from fmnbench.runs.executors.local import MEMORY
from fmnbench.spec import Precision

WORDS = 20_000
EMBEDDINGS = {256: 128, 1024: 256}  # by hidden units
POSITIONS = (1_000, 2_000)  # predicted words of a step, from and to
LENGTHS = (20, 140)  # words of a text, from and to
TRAINED, EVALUATED = (16, 1), (8, 4)  # texts and samples of z of each, in recurrences
PRECISIONS: tuple[Precision, ...] = ("float32", "bf16")
GOAL = 1.3  # what gains less is not worth its code
Step = Callable[[], Tensor]


def words(hidden: int, number: int) -> dict[str, Step]:
    """Returns the two ways from states to the log-probabilities of words."""
    generator = stream(number, "benchmark/words")
    count = int(torch.randint(*POSITIONS, (1,), generator=generator))
    states = torch.randn(count, hidden, generator=generator).requires_grad_()
    weight = torch.randn(WORDS, hidden, generator=generator).div_(hidden**0.5).requires_grad_()
    targets: Int[Tensor, " m"] = torch.randint(WORDS, (count,), generator=generator)

    def plain() -> Float[Tensor, " m"]:
        logits = F.linear(states, weight).float()
        return -F.cross_entropy(logits, targets, reduction="none")

    return {"torch": plain, "ours": lambda: word_log_probs(states, weight, targets)}


def recurrence(hidden: int, number: int, texts: int, samples: int) -> dict[str, Step]:
    """Returns the two ways through an LSTM layer over packed texts; torch's is in float32."""
    generator = stream(number, "benchmark/recurrence")
    lengths = torch.randint(*LENGTHS, (texts,), generator=generator).sort(descending=True).values
    longest, total = int(lengths[0]), int(lengths.sum())
    packed = pack_padded_sequence(torch.zeros(texts, longest), lengths, batch_first=True)
    layer = Recurrence(EMBEDDINGS[hidden], hidden, hidden)
    inputs = torch.randn(total, EMBEDDINGS[hidden], generator=generator).requires_grad_()
    of_rows = [
        torch.randn(texts, samples, hidden, generator=generator).requires_grad_() for _ in range(3)
    ]

    def torchs() -> Float[Tensor, "m k h"]:
        return layer.by_cudnn(inputs, Walk.through(packed), *of_rows)

    def ours() -> Float[Tensor, "m k h"]:
        return layer.over(inputs, Walk.through(packed))(*of_rows)

    return {"torch": torchs, "ours": ours}


def seconds(step: Step, precision: Precision, *, gradients: bool) -> float:
    """Returns the CPU seconds of a step, forward and, with gradients, backward."""
    started = time.process_time()
    with torch.set_grad_enabled(gradients), autocast(precision, torch.device("cpu")):
        total = step().float().sum()
    if gradients:
        total.backward()
    return time.process_time() - started


def compare(
    title: str, make: Callable[[int], dict[str, Step]], rounds: int, *, gradients: bool
) -> None:
    """Prints the medians of both ways and of their ratio, in each precision."""
    for precision in PRECISIONS:
        found = []
        for number in range(rounds + 1):
            steps = make(number)
            found.append([seconds(s, precision, gradients=gradients) for s in steps.values()])
        del found[0]  # which warms caches
        theirs, own = (1e3 * statistics.median(column) for column in zip(*found, strict=True))
        ratio = statistics.median(first / second for first, second in found)
        print(
            f"{title:36} {precision:8}{theirs:9.0f} ms{own:9.0f} ms{ratio:8.2f}×",
            flush=True,
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden", type=int, choices=EMBEDDINGS, nargs="*", default=EMBEDDINGS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not os.environ.items() >= MEMORY.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MEMORY)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(
        f"{'CPU time, one thread':36} {'':8}{'torch':>12}{'ours':>12}   torch / ours, goal {GOAL}"
    )
    for hidden in options.hidden:
        for gradients, what in ((True, "training"), (False, "evaluation")):
            texts, samples = TRAINED if gradients else EVALUATED
            compare(
                f"cross entropy, {hidden} units, {what}",
                lambda number, hidden=hidden: words(hidden, number),
                options.rounds,
                gradients=gradients,
            )
            compare(
                f"recurrence, {hidden} units, {what}",
                lambda number, hidden=hidden, n=texts, k=samples: recurrence(hidden, number, n, k),
                options.rounds,
                gradients=gradients,
            )


if __name__ == "__main__":
    main()
