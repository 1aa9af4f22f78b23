"""The training loop beside a bare one, and the critics' steps beside the formulas as written.

python benchmarks/speed/training.py    (one thread; medians of interleaved rounds)
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.critics.base import contrastive_loss
from fmnbench.datasets.base import Splits
from fmnbench.nn.pairs import pairwise_features
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.runs.run import build, load
from fmnbench.spec import RunSpec
from fmnbench.training.loop import train

ROUNDS = 7
BATCH = 1024
Call = tuple[Callable[..., object], *tuple[object, ...]]
SCORES = 40  # steps of a critic per round


def bare_loop(spec: RunSpec, splits: Splits) -> None:
    """One epoch of the report's toy VAE as a researcher would write it, with torch's AdamW."""
    model = build(spec, splits).vae
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, fused=True)
    order = torch.randperm(len(splits.train))
    for rows in order.split(BATCH):
        x = splits.train[rows]
        mean, log_variance = model.posterior_head(model.encoder(x)).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        output = model.output(model.decoder(z))
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        loss = ((x - output).square().sum() + kl.sum()) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def our_loop(spec: RunSpec, splits: Splits) -> None:
    """The same epoch through fmnbench's loop, without validation."""
    train(build(spec, splits), splits, spec, checkpoint=None, report=lambda epoch, entry: None)


def self_critic_by_broadcast(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """All log q(z_i | x_j) as an (n, n, d) array, then a cross entropy."""
    squares = (z[:, None] - mean[None]).square() / log_variance[None].exp()
    scores = -0.5 * (squares + log_variance[None] + math.log(2 * math.pi)).sum(2)
    return F.cross_entropy(scores, torch.arange(len(z)))


def self_critic_by_product(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The same through one matrix product."""
    return contrastive_loss(*pairwise_features(z, mean, log_variance))


def neural_by_cross_entropy(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Two cross entropies of one score matrix."""
    scores = scale * (a @ b.T)
    targets = torch.arange(len(a))
    return (F.cross_entropy(scores, targets) + F.cross_entropy(scores.T, targets)) / 2


def neural_by_product(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """The same with the gradient worked out in the forward pass."""
    return contrastive_loss(scale * a.T, b.T, "both")


def seconds(function: Callable[..., object], *arguments: object) -> float:
    """Returns wall seconds of one call."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def steps(function: Callable[..., Tensor], arguments: Sequence[Tensor]) -> None:
    """Takes forward and backward steps."""
    for _ in range(SCORES):
        function(*arguments).backward()


def compare(title: str, plain: Call, ours: Call) -> None:
    """Prints the medians of interleaved rounds and their ratio."""
    rounds = [(seconds(*plain), seconds(*ours)) for _ in range(ROUNDS)]
    theirs, own = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(first / second for first, second in rounds)
    print(f"{title:44} {1e3 * theirs:9.1f} ms {1e3 * own:9.1f} ms   {ratio:6.2f}×")


def leaf(*shape: int) -> Tensor:
    """Returns a random float64 leaf that takes gradients."""
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plain = Selection(
        suites=["asokan"],
        datasets=["toy"],
        critics=["none"],
        settings=["validate_every=99"],
        epochs=1,
    )
    (spec,) = plan(tasks(plain), [0]).specs
    splits, _ = load(spec, torch.device("cpu"))
    print(f"{'':44} {'plain':>12} {'fmnbench':>12}   {'plain / fmnbench'}")
    compare("toy-mlp, one epoch", (bare_loop, spec, splits), (our_loop, spec, splits))
    pairs = [leaf(BATCH, 4) for _ in range(3)]
    compare(
        f"self critic, {SCORES} steps, n = {BATCH}, d = 4",
        (steps, self_critic_by_broadcast, pairs),
        (steps, self_critic_by_product, pairs),
    )
    embedded = [leaf(BATCH, 8), leaf(BATCH, 8), nn.Parameter(torch.tensor(0.3).double())]
    compare(
        f"neural critic's loss, {SCORES} steps, n = {BATCH}",
        (steps, neural_by_cross_entropy, embedded),
        (steps, neural_by_product, embedded),
    )


if __name__ == "__main__":
    main()
