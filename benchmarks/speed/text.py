"""`lstm` on real Yahoo documents beside the plain way to train it, and what each idea gives.

python benchmarks/speed/text.py [--hidden N] [--rounds N] [--device D]
(one thread; yahoo-10k in the cache)

Plain: batches in random order padded to their longest text, nn.LSTM, logits for every padded
position, float32. The ideas are added one by one. On a GPU both ways have cuDNN's LSTM.
"""

import argparse
import dataclasses
import functools
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.lstm import LSTM
from fmnbench.data.vocabulary import END_ID
from fmnbench.datasets.base import Splits
from fmnbench.datasets.yahoo_10k import Yahoo10k
from fmnbench.metrics import Evaluation
from fmnbench.metrics.likelihood import nll
from fmnbench.nn.lengths import text_lengths
from fmnbench.nn.precision import autocast
from fmnbench.rng import stream
from fmnbench.runs.executors.local import MEMORY
from fmnbench.spec import Precision
from fmnbench.training.batches import shuffled

BATCH, LATENT, DROPOUT = 64, 32, 0.5
EMBEDDINGS = {1024: 256, 256: 128}  # by hidden units
STEPS = {"cpu": 2}  # of training per round
GPU_STEPS = 20
POOL = 4  # random batches that texts of like length are put together out of
GOAL = 3.0  # times as many tokens a second as the plain way
WORDS, LONGEST = 20_000, 200  # of the batch that memory is measured with
SEVERAL = {1024: 10, 256: 60}  # steps that memory is measured after, by hidden units
MOST_MEMORY = 3.0  # GiB, in a worker
TESTED, SAMPLES = 64, 20  # documents and K of the likelihood, which is told for K = 500
FULL = 500
DRAWN = 1_000  # texts decoded greedily
Loss = Callable[[nn.Module, Int[Tensor, "n t"]], Tensor]


class PlainLSTM(nn.Module):
    """The same model as a researcher would write it; `packed` keeps padding from the words."""

    def __init__(self, words: int, embedding: int, hidden: int, *, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.read, self.write = (nn.Embedding(words, embedding) for _ in range(2))
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2 * LATENT, bias=False)
        self.mapping = nn.Linear(LATENT, hidden, bias=False)
        self.first_cell = nn.Linear(hidden, hidden, bias=False)
        self.decoder = nn.LSTM(embedding + hidden, hidden, batch_first=True)
        self.output = nn.Linear(hidden, words, bias=False)

    def loss(self, x: Int[Tensor, "n t"]) -> Tensor:
        """Returns the mean loss of texts that are padded to the longest."""
        lengths = text_lengths(x)
        x = x[:, : int(lengths.max())].long()
        states, _ = self.encoder(self.read(x))
        last = states[torch.arange(len(x), device=x.device), lengths - 1]
        mean, log_variance = self.head(last).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        mapped = self.mapping(z)
        cell = self.first_cell(mapped)
        words = F.dropout(self.write(x[:, :-1]), DROPOUT)
        beside = mapped[:, None].expand(-1, words.shape[1], -1)
        start = torch.tanh(cell)[None], cell[None]
        states, _ = self.decoder(torch.cat([words, beside], 2), start)
        states = F.dropout(states, DROPOUT)
        real = torch.arange(1, x.shape[1], device=x.device) < lengths[:, None]
        if self.packed:
            loss = F.cross_entropy(self.output(states[real]), x[:, 1:][real], reduction="sum")
        else:
            targets = x[:, 1:].masked_fill(~real, -100)  # what cross_entropy leaves out
            loss = F.cross_entropy(
                self.output(states).flatten(0, 1), targets.flatten(), reduction="sum"
            )
        mean_loss: Tensor = (loss + kl.sum()) / len(x)
        return mean_loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """One way to train: its model, its loss, the order and precision of its batches."""

    title: str
    model: nn.Module
    loss: Loss
    length_pool: int | None = None
    precision: Precision = "float32"


def plain_loss(model: nn.Module, x: Int[Tensor, "n t"]) -> Tensor:
    """Returns the plain model's loss of a batch."""
    assert isinstance(model, PlainLSTM)
    return model.loss(x)


def our_loss(model: nn.Module, x: Int[Tensor, "n t"]) -> Tensor:
    """Returns the loss of a batch as fmnbench's loop has it, without a critic."""
    assert isinstance(model, LSTM)
    q = model.encode(x)
    reconstruction = -model.decode(q.rsample()).log_prob(x)
    return (reconstruction + q.kl_from_standard().sum(1)).mean()


def ways(words: int, hidden: int, device: torch.device) -> list[Way]:
    """Returns the plain way, then each with one idea more."""
    embedding = EMBEDDINGS[hidden]
    plain, packed = (
        PlainLSTM(words, embedding, hidden, packed=on).to(device) for on in (False, True)
    )
    ours = LSTM(words, embedding=embedding, hidden=hidden).to(device)
    pooled = functools.partial(Way, length_pool=POOL)
    return [
        Way(title="plain", model=plain, loss=plain_loss),
        pooled(title="+ batches by length", model=plain, loss=plain_loss),
        pooled(title="+ words at real positions alone", model=packed, loss=plain_loss),
        pooled(title="+ blocked cross entropy, packed LSTM", model=ours, loss=our_loss),
        pooled(title="+ bf16: lstm of fmnbench", model=ours, loss=our_loss, precision="bf16"),
        Way(title="lstm, float32, random order", model=ours, loss=our_loss),
        Way(title="lstm, bf16, random order", model=ours, loss=our_loss, precision="bf16"),
    ]


def finish(device: torch.device) -> None:
    """Waits until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def tokens_per_second(way: Way, batches: Sequence[Int[Tensor, "n t"]]) -> float:
    """Returns predicted words a second over a few training steps."""
    optimizer = torch.optim.AdamW(way.model.parameters(), lr=1e-4, fused=True)
    finish(batches[0].device)
    started = time.perf_counter()
    for x in batches:
        with autocast(way.precision, x.device):
            loss = way.loss(way.model, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    finish(batches[0].device)
    seconds = time.perf_counter() - started
    return sum(int((text_lengths(x) - 1).sum()) for x in batches) / seconds


def train_table(splits: Splits, hidden: int, rounds: int) -> None:
    """Prints tokens a second of each way, interleaved, and the ratio to the plain one."""
    device = splits.train.device
    compared = ways(splits.inputs, hidden, device)
    steps = STEPS.get(device.type, GPU_STEPS)
    rates: list[list[float]] = [[] for _ in compared]
    for number in range(rounds):
        for way, found in zip(compared, rates, strict=True):
            order = stream(number, "benchmark/order")
            batches = shuffled(splits, BATCH, order, length_pool=way.length_pool)[:steps]
            found.append(tokens_per_second(way, [splits.train[rows] for rows in batches]))
    print(f"hidden {hidden}: tokens a second in training, median of {rounds}")
    for way, found in zip(compared, rates, strict=True):
        ratio = statistics.median(
            ours / plain for ours, plain in zip(found, rates[0], strict=True)
        )
        print(f"  {way.title:42}{statistics.median(found):9.0f}   {ratio:6.2f}×")
    print(f"  goal of the fifth: {GOAL:g}×")


def evaluation_table(splits: Splits, hidden: int) -> None:
    """Prints how fast the likelihood and greedy decoding are, in both precisions."""
    few = dataclasses.replace(splits, test=splits.test[:TESTED])
    vae = LSTM(splits.inputs, embedding=EMBEDDINGS[hidden], hidden=hidden).to(few.test.device)
    precisions: tuple[Precision, ...] = ("float32", "bf16")
    for precision in precisions:
        of = Evaluation(
            vae, few, seed=0, batch_size=BATCH, nll_samples=SAMPLES, precision=precision
        )
        started = time.perf_counter()
        nll(of)
        rate = TESTED * SAMPLES / FULL / (time.perf_counter() - started)
        print(f"  {precision}: {rate:.3f} documents a second in the likelihood, K = {FULL}")
        z = vae.prior.rsample((DRAWN,), generator=stream(0, "benchmark/z", few.test.device))
        started = time.perf_counter()
        with torch.no_grad(), autocast(precision, z.device):
            texts = vae.decode(z).greedy()
        words = int((text_lengths(texts) - 1).sum())
        seconds = time.perf_counter() - started
        print(f"  {precision}: {DRAWN} texts of {words} words decoded greedily in {seconds:.1f} s")


def print_memory(hidden: int, steps: int) -> None:
    """Prints the peak memory of this process, in GiB, after training steps.

    One is in float32 with texts as long as can be, several in bf16 with texts of all lengths.
    """
    vae = LSTM(WORDS, embedding=EMBEDDINGS[hidden], hidden=hidden)
    batches = [
        torch.randint(3, WORDS, (BATCH, LONGEST + 2), dtype=torch.int32) for _ in range(steps)
    ]
    for x in batches:
        x[:, 0], x[:, -1] = 0, END_ID
        if steps > 1:
            x[torch.arange(LONGEST + 2) > torch.randint(20, LONGEST, (BATCH, 1))] = END_ID
    way = Way(title="", model=vae, loss=our_loss, precision="float32" if steps == 1 else "bf16")
    tokens_per_second(way, batches)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)  # Linux counts in KiB


def memory_table(hidden: int) -> None:
    """Prints the memory of training, each time of a process of its own."""
    environments = {"a worker": MEMORY, "any process": {}}
    for (place, settings), steps in itertools.product(environments.items(), (1, SEVERAL[hidden])):
        command = [sys.executable, __file__, "--hidden", f"{hidden}", "--memory", f"{steps}"]
        environment = os.environ | settings
        done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
        peak = float(done.stdout)
        kind = (
            f"{steps} in bf16, of all lengths" if steps > 1 else f"of {LONGEST} words in float32"
        )
        print(f"hidden {hidden}: {BATCH} texts a step, {kind}: {peak:.2f} GiB in {place}")
        assert peak < MOST_MEMORY or not settings


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden", type=int, choices=EMBEDDINGS, nargs="*", default=EMBEDDINGS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)  # this script, as a process
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.memory:
        print_memory(*options.hidden, options.memory)
        return
    if options.device.type == "cpu":
        for hidden in options.hidden:  # first: a process counts the memory of the one it came from
            memory_table(hidden)
    splits = Yahoo10k().load().to(options.device, torch.float32)
    for hidden in options.hidden:
        train_table(splits, hidden, options.rounds)
        evaluation_table(splits, hidden)


if __name__ == "__main__":
    main()
