"""Seconds of the PixelCNN decoder: a training step, log p(x|z), and draws cached against plain.

    python benchmarks/speed/pixelcnn.py [ROWS]

Plain draws pass the whole images through the network for every pixel. They are timed for a few
pixels and scaled up to 784; from the same random numbers both ways must come to the same pixels,
but for rounding. One thread.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from fmnbench.architectures.resnet_pixelcnn import SIDE, ResNetPixelCNN
from fmnbench.rng import isolated, stream

PIXELS = SIDE * SIDE
BATCH = 50  # rows of a training step, He et al. 2019
REPEATS = 3
PLAIN = 4  # pixels of a plain draw that are timed
SIZES = {
    "small": {"channels": 32, "blocks": 4, "skips": False},
    "default": {},
}


def main() -> None:
    """Prints a table: seconds of each part at each size."""
    torch.set_num_threads(1)
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{'':8} {'step':>8} {'log p':>8} {'draws':>8} {'plain':>9}  ratio   of {rows} rows")
    for size, settings in SIZES.items():
        with isolated(0, "speed"):
            vae = ResNetPixelCNN(PIXELS, **settings)
        step = median(training_step(vae), REPEATS)
        x = bits(rows)
        z = torch.randn(rows, vae.latent, generator=stream(0, "speed/z"))
        score = scored(vae, x, z)
        draws, plain = drawing(vae, z)
        print(
            f"{size:8} {step:7.3f}s {score:7.2f}s {draws:7.2f}s {plain:8.1f}s {plain / draws:6.0f}"
        )


def bits(rows: int) -> Tensor:
    """Returns rows of pixels, a seventh of them ink as in Omniglot."""
    return torch.bernoulli(torch.full((rows, PIXELS), 1 / 7), generator=stream(0, "speed/x"))


def training_step(vae: ResNetPixelCNN) -> Callable[[], None]:
    """Returns a step of Adam on the negative ELBO of one batch."""
    optimizer = torch.optim.Adam(vae.parameters(), 1e-3, fused=True)
    noise, x = stream(0, "speed/noise"), bits(BATCH)

    def step() -> None:
        q = vae.encode(x)
        log_prob = vae.decode(q.rsample(generator=noise)).log_prob(x)
        loss = (q.kl_from_standard().sum(1) - log_prob).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    step()  # the first one allocates
    return step


@torch.no_grad()
def scored(vae: ResNetPixelCNN, x: Tensor, z: Tensor) -> float:
    """Returns the seconds that log p(x|z) of each row takes, at one z."""
    started = time.perf_counter()
    vae.decode(z).log_prob(x)
    return time.perf_counter() - started


@torch.no_grad()
def drawing(vae: ResNetPixelCNN, z: Tensor) -> tuple[float, float]:
    """Returns the seconds of cached draws, and those that plain ones would take."""
    network = vae.decoder
    uniform = torch.rand(len(z), PIXELS, generator=stream(0, "speed/uniform"))
    started = time.perf_counter()
    drawn = network.draw(z, uniform)
    cached = time.perf_counter() - started
    x = drawn.clone()
    x[:, PIXELS // 2 :] = 0
    started = time.perf_counter()
    for pixel in range(PIXELS // 2, PIXELS // 2 + PLAIN):
        mean = torch.sigmoid(network.logits(x, z[None])[0, :, pixel])
        x[:, pixel] = (uniform[:, pixel] < mean).float()
        differ = int((x[:, pixel] != drawn[:, pixel]).sum())
        assert differ <= len(z) / 1000, f"{differ} draws differ at pixel {pixel}"  # by rounding
    return cached, (time.perf_counter() - started) * PIXELS / PLAIN


def median(work: Callable[[], None], repeats: int) -> float:
    """Returns the median seconds of a piece of work."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
