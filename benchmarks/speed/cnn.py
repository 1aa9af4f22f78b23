"""The `cnn` in fmnbench's loop beside a bare loop with torch's plain layers.

python benchmarks/speed/cnn.py    (one thread; medians of interleaved rounds; a minute)
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fmnbench.architectures.cnn import CNN
from fmnbench.datasets.base import Splits
from fmnbench.runs.run import build
from fmnbench.spec import Precision, RunSpec, Track
from fmnbench.training.loop import train

ROUNDS = 7
BATCH = 50
STEPS = 10  # of training per round
DECODED = 1000  # z per call
PIXELS, LATENT = 784, 32
Call = tuple[Callable[..., object], *tuple[object, ...]]


def plain_network() -> nn.ModuleDict:
    """Returns the same layers as a researcher would write them."""
    encoder = nn.Sequential(
        *(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 3), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 128, 4, 2), nn.ReLU()),
        *(nn.Conv2d(128, 256, 3, 2), nn.ReLU(), nn.Conv2d(256, 512, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(512, 2 * LATENT)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(LATENT, 512), nn.Unflatten(1, (512, 1, 1)), nn.ConvTranspose2d(512, 256, 2)),
        *(nn.ReLU(), nn.ConvTranspose2d(256, 128, 3, 2), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, 2), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2)),
        *(nn.ReLU(), nn.ConvTranspose2d(32, 1, 3), nn.Sigmoid(), nn.Flatten()),
    )
    return nn.ModuleDict({"encoder": encoder, "decoder": decoder})


def bare_loop(splits: Splits) -> None:
    """One epoch in float32 with torch's AdamW."""
    model = plain_network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, fused=True)
    for rows in torch.randperm(len(splits.train)).split(BATCH):
        x = splits.train[rows]
        mean, log_variance = model["encoder"](x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        loss = ((x - model["decoder"](z)).square().sum() + kl.sum()) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def our_loop(spec: RunSpec, splits: Splits) -> None:
    """The same epoch through fmnbench's loop, without validation."""
    train(build(spec, splits), splits, spec, checkpoint=None, report=lambda epoch, entry: None)


def run_of(precision: Precision) -> RunSpec:
    """Returns one epoch of a plain VAE."""
    track = Track(
        name="made-up-bits",
        dataset="omniglot",  # in name only: the rows are handed to the loop
        architecture="cnn",
        epochs=1,
        batch_size=BATCH,
        learning_rate=2e-4,
        weight_decay=0.01,
        precision=precision,
        validate_every=99,
    )
    return RunSpec(
        track=track,
        critic="none",
        critic_settings={},
        objective="elbo",
        objective_settings={},
        lambda_=0.0,
        seed=0,
        dataset_fingerprint="",
        versions={},
    )


def seconds(function: Callable[..., object], *arguments: object, gradients: bool) -> float:
    """Returns wall seconds of one call."""
    with torch.set_grad_enabled(gradients):
        started = time.perf_counter()
        function(*arguments)
        return time.perf_counter() - started


def compare(plain: Call, ours: dict[str, tuple[Call, float]], *, gradients: bool = True) -> None:
    """Prints the medians of interleaved rounds, their ratio and its goal."""
    calls = [plain, *(call for call, _ in ours.values())]
    rounds = [[seconds(*call, gradients=gradients) for call in calls] for _ in range(ROUNDS)]
    theirs, *columns = zip(*rounds, strict=True)
    for (title, (_, goal)), own in zip(ours.items(), columns, strict=True):
        ratio = statistics.median(
            first / second for first, second in zip(theirs, own, strict=True)
        )
        medians = (f"{1e3 * statistics.median(column):9.1f} ms" for column in (theirs, own))
        print(f"{title:44} {' '.join(medians)}   {ratio:6.2f}×  (goal {goal:.2f})")


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    bits = torch.randint(2, (BATCH * STEPS, PIXELS)).float()
    splits = Splits(train=bits, validation=bits, test=bits, kind="images", image_shape=(28, 28))
    print(f"{'':44} {'plain':>12} {'fmnbench':>12}   {'plain / fmnbench'}")
    ours = {
        f"{STEPS} steps, n = {BATCH}, float32": ((our_loop, run_of("float32"), splits), 1 / 1.1),
        f"{STEPS} steps, n = {BATCH}, ours in bf16": ((our_loop, run_of("bf16"), splits), 1.5),
    }
    compare((bare_loop, splits), ours)
    z: Tensor = torch.randn(DECODED, LATENT)
    decode = {f"decoding {DECODED} z, float32": ((CNN(PIXELS).decode, z), 1.0)}
    compare((plain_network()["decoder"], z), decode, gradients=False)


if __name__ == "__main__":
    main()
