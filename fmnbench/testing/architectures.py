"""The contract of architectures."""

import contextlib
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from fmnbench.architectures.base import VAE, image_shape_of, kinds_of
from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.errors import Declined
from fmnbench.registry import architectures
from fmnbench.rng import isolated, stream
from fmnbench.testing.datasets import check_ids
from fmnbench.testing.gradients import require_gradients

ROWS, WIDTH = 32, 12  # of the made-up batches, unless an architecture takes one image size only
LENGTH = 9  # words of the longest made-up text
ATOL = 1e-5  # float32 sums of a few dozen terms


def rows_for(make: Callable[[int], VAE]) -> tuple[Tensor, int]:
    """Returns made-up rows that an architecture takes, and the inputs that it is made with.

    Rows are bits or, for an architecture of texts alone, ids.
    """
    if kinds_of(make) == ("texts",):
        return _texts(), WIDTH
    shape = image_shape_of(make)
    width = WIDTH if shape is None else math.prod(shape)
    return _bits(width), width


def check_architecture(name: str) -> None:
    """Distributions are per row, rows do not mix, every weight learns, a seed fixes it all.

    Rows are bits or, for an architecture of texts alone, ids: what fills these up has no say.
    """
    make = architectures.get(name)
    x, inputs = rows_for(make)
    texts = not x.is_floating_point()
    state = torch.get_rng_state()
    with isolated(0, "check"):
        vae = make(inputs)
    with isolated(0, "check"):
        twin = make(inputs)
    q = vae.encode(x)
    z = q.rsample(generator=stream(0, "check/z"))
    likelihood = vae.decode(z)
    assert torch.equal(torch.get_rng_state(), state), f"{name} draws from the global generator"
    assert torch.equal(q.mean, twin.encode(x).mean), f"{name} is not fixed by its seed"
    assert q.mean.shape == (ROWS, vae.latent), f"{name} encodes to {tuple(q.mean.shape)}"
    assert vae.prior.mean.shape == (vae.latent,)
    with isolated(0, "check/dropout"):
        log_prob = likelihood.log_prob(x)
    assert log_prob.shape == (ROWS,), f"{name}'s log_prob is not per row"
    changed = torch.cat([x[-1:] if texts else 1 - x[:1], x[1:]])
    same = torch.allclose(vae.encode(changed).mean[1:], q.mean[1:], atol=ATOL)
    assert same, f"{name} mixes rows when it encodes"
    (q.kl_from_standard().sum() - log_prob.sum()).backward()
    require_gradients(vae, name)
    few = slice(None, None, 8)
    _check_likelihood(vae.eval(), x[few], changed[few], name)


@torch.no_grad()
def _check_likelihood(vae: VAE, x: Tensor, changed: Tensor, name: str) -> None:
    z = vae.encode(x).mean
    likelihood = vae.decode(z)
    log_prob = likelihood.log_prob(x)
    same = torch.allclose(likelihood.log_prob(changed)[1:], log_prob[1:], rtol=ATOL, atol=ATOL)
    assert same, f"{name} mixes rows when it decodes"
    drawn = likelihood.sample(generator=stream(0, "check"))
    if vae.kinds == ("texts",):
        assert len(drawn) == len(x)
        check_ids(drawn, WIDTH, name)
        wide = F.pad(x, (0, 3), value=END_ID)
        same = torch.allclose(likelihood.log_prob(wide), log_prob, rtol=ATOL, atol=ATOL)
        assert same, f"{name} decodes what fills rows up"
        same = torch.allclose(vae.encode(wide).mean, z, atol=ATOL)
        assert same, f"{name} encodes what fills rows up"
        return
    assert drawn.shape == x.shape
    with contextlib.suppress(Declined):
        assert likelihood.mean.shape == x.shape


def _bits(width: int) -> Tensor:
    return torch.bernoulli(torch.full((ROWS, width), 0.5), generator=stream(0, "check/x"))


def _texts() -> Tensor:
    """Returns rows of ids below WIDTH, from no word to as many as rows have room for."""
    x = torch.randint(END_ID + 1, WIDTH, (ROWS, LENGTH + 2), generator=stream(0, "check/x"))
    words = torch.arange(ROWS) * LENGTH // (ROWS - 1)
    x[torch.arange(LENGTH + 2) > words[:, None]] = END_ID
    x[:, 0] = START_ID
    return x.int()
