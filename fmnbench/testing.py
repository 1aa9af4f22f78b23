"""The contracts of components, for their authors: each check raises AssertionError, and says why.

from fmnbench.testing import check_critic
def test_margin_keeps_the_contract(): check_critic("margin")
"""

import contextlib
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fmnbench.architectures.base import VAE
from fmnbench.architectures.mlp import MLP
from fmnbench.critics.base import Critic
from fmnbench.data.dataset import class_of
from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.objectives.base import Progress
from fmnbench.registry import architectures, critics, datasets, objectives
from fmnbench.rng import isolated, stream
from fmnbench.spec import Setting

ROWS, WIDTH = 32, 12  # of the made-up batches, unless an architecture takes one image size only
LENGTH = 9  # words of the longest made-up text
ATOL = 1e-5  # float32 sums of a few dozen terms


def check_dataset(name: str, /, **settings: Setting) -> None:
    """Splits have rows of one width and finite values, repeat bit for bit and do not overlap.

    A `Dataset` may declare how many rows its splits share by nature, as `shared_rows`. Rows of
    texts are ids of words: <s>, the text, and nothing but </s> from the first </s> on.
    """
    make = datasets.get(name)
    splits, again = make(**settings).load(), make(**settings).load()
    parts = _parts(splits)
    for part, other in zip(parts, _parts(again), strict=True):
        assert torch.equal(part, other), f"{name} loads other values the second time"
        assert part.shape[1] == splits.width, f"{name} has rows of different widths"
        assert part.isfinite().all(), f"{name} has values that are not finite"
    rows = [{row.numpy().tobytes() for row in part} for part in parts]
    shared = sum(len(rows[one] & rows[other]) for one, other in ((0, 1), (0, 2), (1, 2)))
    allowed = class_of(make).shared_rows
    assert shared <= allowed, f"{name} has {shared} rows that are in two splits"
    kind = datasets.entry(name).attributes.get("kind", splits.kind)
    assert kind == splits.kind, f"{name} is declared as {kind}; its rows are {splits.kind}"
    if splits.kind == "texts":
        _check_texts(splits, name)
    if splits.kind == "images":
        assert splits.image_shape is not None, f"{name} does not say how large its images are"
        assert math.prod(splits.image_shape) == splits.width
    if splits.rebinarise:
        batch = splits.visit(torch.arange(8), stream(0, "check"))
        assert set(batch.unique().tolist()) <= {0.0, 1.0}, f"{name} does not binarise"


def _check_texts(splits: Splits, name: str) -> None:
    assert splits.vocabulary is not None, f"{name} does not say what words its ids stand for"
    for part in _parts(splits):
        _check_ids(part, len(splits.vocabulary), name)


def _check_ids(rows: Tensor, words: int, name: str) -> None:
    assert rows.dtype == torch.int32, f"{name} has ids of {rows.dtype}"
    inside = bool((rows >= 0).all() and (rows < words).all())
    assert inside, f"{name} has ids that are not in its vocabulary"
    assert (rows[:, 0] == START_ID).all(), f"{name} has texts that do not begin with <s>"
    ends = rows == END_ID
    assert ends.any(1).all(), f"{name} has texts that do not end with </s>"
    assert ends[ends.cumsum(1) > 0].all(), f"{name} has words behind </s>"


def rows_for(make: Callable[[int], VAE]) -> tuple[Tensor, int]:
    """Returns made-up rows that an architecture takes, and the inputs that it is made with.

    Rows are bits or, for an architecture of texts alone, ids.
    """
    if getattr(make, "kinds", VAE.kinds) == ("texts",):
        return _texts(), WIDTH
    shape: tuple[int, int] | None = getattr(make, "image_shape", None)
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
    _require_gradients(vae, name)
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
        _check_ids(drawn, WIDTH, name)
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


def check_critic(name: str) -> None:
    """The loss is a finite scalar, does not depend on row order, and teaches encoder and critic.

    One that claims to bound information scores log n where rows cannot be told apart, and never
    exceeds the exact information of a Gaussian channel by more than chance.
    """
    make = critics.get(name)
    with isolated(0, "check"):
        vae = MLP(WIDTH, hidden=(16, 8), latent=3)
        critic = make(vae)
    x = torch.empty(ROWS, WIDTH).normal_(generator=stream(0, "check/x"))
    q = vae.encode(x)
    z = q.rsample(generator=stream(0, "check/z"))
    loss = critic(x, z, q)
    assert loss.shape == (), f"{name}'s loss has shape {tuple(loss.shape)}"
    assert loss.isfinite(), f"{name}'s loss is {loss.item()}"
    back = torch.arange(ROWS).flip(0)
    flipped = critic(x[back], z[back], DiagonalNormal(q.mean[back], q.log_variance[back]))
    assert torch.allclose(loss, flipped, atol=ATOL), f"{name} depends on the order of rows"
    if any(True for _ in critic.parameters()) or loss.requires_grad:
        loss.backward()
        _require_gradients(critic, name)
        assert _learns(vae.posterior_head), f"{name} sends no gradient to the encoder"
    if critic.bounds_information:
        _check_bound(name, make)


def _check_bound(name: str, make: Callable[[VAE], Critic]) -> None:
    ones = torch.ones(ROWS, 1)
    vae = MLP(1, hidden=(4, 4), latent=1)
    alike = make(vae)(ones, ones, DiagonalNormal(ones, ones))
    chance = math.log(ROWS)
    assert abs(alike.item() - chance) < ATOL, f"{name} is {alike.item()} at chance, not {chance}"
    noise = 1.0  # variance of the channel z = x + noise; the information is half of log 2
    x = torch.empty(4096, 1).normal_(generator=stream(0, "check/channel"))
    q = DiagonalNormal(x, torch.full_like(x, math.log(noise)))
    z = q.rsample(generator=stream(0, "check/noise"))
    bound = math.log(len(x)) - make(vae)(x, z, q).item()
    exact = 0.5 * math.log(1 + 1 / noise)
    allowed = exact + 0.05  # four standard errors of the mean of 4,096 log-ratios
    assert bound <= allowed, f"{name} claims {bound} nats where there are {exact}"


def check_objective(name: str) -> None:
    """Each row has one finite loss of its own; reconstruction always counts."""
    objective = objectives.get(name)()
    reconstruction = torch.empty(ROWS).normal_(generator=stream(0, "check/reconstruction"))
    reconstruction.requires_grad_()
    kl = torch.empty(ROWS, 3).exponential_(generator=stream(0, "check/kl"))
    loss = objective(reconstruction, kl, Progress(step=0, epoch=0.0))
    assert loss.shape == (ROWS,), f"{name}'s loss has shape {tuple(loss.shape)}, not one per row"
    assert loss.isfinite().all(), f"{name}'s loss is not finite"
    (gradient,) = torch.autograd.grad(loss.sum(), reconstruction)
    assert (gradient != 0).all(), f"{name} does not learn to reconstruct"


def _parts(splits: Splits) -> tuple[Tensor, Tensor, Tensor]:
    return splits.train, splits.validation, splits.test


def _require_gradients(module: nn.Module, name: str) -> None:
    for parameter, weight in module.named_parameters():
        assert weight.grad is not None, f"{name}: no gradient reaches {parameter}"
        assert weight.grad.isfinite().all(), f"{name}: the gradient of {parameter} is not finite"


def _learns(module: nn.Module) -> bool:
    return all(
        weight.grad is not None and bool((weight.grad != 0).any())
        for weight in module.parameters()
    )
