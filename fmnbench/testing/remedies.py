"""The contract of remedies."""

import copy
import tempfile
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.data.vocabulary import END_ID, SPECIALS, START_ID, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.planning.plan import resolve
from fmnbench.registry import remedies
from fmnbench.remedies.base import Batch, Progress, row_losses
from fmnbench.rng import isolated, stream
from fmnbench.runs.run import build
from fmnbench.spec import RunSpec, Setting, Settings, Task, Track
from fmnbench.training.loop import train
from fmnbench.training.model import Model

ROWS, WIDTH, LATENT = 48, 6, 3
EPOCHS = 6


class _CutOffError(Exception):
    """Stands for a kill between two epochs."""


def check_remedy(name: str, settings: Settings | None = None) -> None:
    """Its loss is one finite number a row and changes nothing; a cut training resumes exactly.

    It is tried on a small mlp, or on a small lstm where it declines that, with its defaults or
    with the given settings. Raises Declined where it declines both.
    """
    splits, spec = _vectors(), _spec(name, settings or {}, "mlp", {"hidden": (8, 6)})
    try:
        model = build(spec, splits)
    except Declined:
        small: Settings = {"embedding": 4, "hidden": 6, "dropout": 0.0}
        splits, spec = _texts(), _spec(name, settings or {}, "lstm", small)
        model = build(spec, splits)
    _check_loss(name, model, splits)
    _check_bound(name, model, splits)
    _check_resume(name, spec, splits)


check_objective = check_remedy  # the name that older plug-ins' tests know


def _check_loss(name: str, model: Model, splits: Splits) -> None:
    x = splits.train[:16]
    progress = Progress(step=0, epoch=0.0, epochs=EPOCHS, rows=ROWS)
    losses: list[Tensor] = []
    for attempt in range(2):
        with isolated(0, "check/dropout"):  # the VAE's own
            batch = Batch(model.vae, x, noise=stream(0, "check"), progress=progress)
        before = _state(model)
        with isolated(attempt, "check/loss"):  # a loss that draws from it is another one
            losses.append(row_losses(model.remedy, batch))
        changed = [key for key, value in _state(model).items() if _differ(before[key], value)]
        assert not changed, f"{name} changes {', '.join(changed)} in `loss`; only `step` may"
    assert losses[0].isfinite().all(), f"{name}'s loss is not finite"
    assert torch.equal(*losses), f"{name}'s loss draws from the global generator"
    losses[0].mean().backward()
    decoder = [weight for weight in model.vae.parameters() if weight.grad is not None]
    assert decoder, f"no gradient of {name}'s loss reaches the VAE"


def _check_bound(name: str, model: Model, splits: Splits) -> None:
    """The VAE that it leaves has a posterior, a likelihood and a KL like any other."""
    vae = model.vae.eval()
    whole, parts = vae.encode(splits.test), [vae.encode(row[None]) for row in splits.test]
    mean = torch.cat([q.mean for q in parts])
    assert torch.allclose(whole.mean, mean, atol=1e-5), f"{name} mixes rows when it encodes"
    kl = whole.kl_from_standard()
    assert (kl >= -1e-5).all(), f"{name} leaves a KL below 0"


def _check_resume(name: str, spec: RunSpec, splits: Splits) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        expected = _weights(_trained(spec, splits, None))
        again = _weights(_trained(spec, splits, None))
        assert torch.equal(expected, again), f"{name} does not repeat bit for bit"
        try:
            _trained(spec, splits, path, cut=EPOCHS // 2)
        except _CutOffError:
            resumed = _weights(_trained(spec, splits, path))
        assert torch.equal(expected, resumed), f"{name} does not resume bit for bit"


def _trained(spec: RunSpec, splits: Splits, checkpoint: Path | None, cut: int = 0) -> Model:
    model = build(spec, splits)

    def listen(epoch: int, entry: dict[str, float]) -> None:
        if epoch == cut:
            raise _CutOffError

    train(model, splits, spec, checkpoint=checkpoint, report=listen)
    return model


def _differ(a: Tensor, b: Tensor) -> bool:
    return not torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def _weights(model: Model) -> Float[Tensor, " w"]:
    parts = [weight.detach().flatten() for weight in model.parameters()]
    buffers = [each for part in model.modules().values() for each in part.buffers()]
    return torch.cat([*parts, *(each.flatten().float() for each in buffers)])


def _state(model: Model) -> dict[str, Tensor]:
    return {
        f"{part}.{key}": copy.deepcopy(value)
        for part, module in model.modules().items()
        for key, value in module.state_dict().items()
    }


def _vectors() -> Splits:
    rows = torch.empty(ROWS + 32, WIDTH).normal_(generator=stream(0, "check/rows"))
    train_rows, validation, test = rows.split([ROWS, 16, 16])
    return Splits(train=train_rows, validation=validation, test=test, kind="vectors")


def _texts() -> Splits:
    words = tuple(f"w{place}" for place in range(WIDTH))
    vocabulary = Vocabulary(words=(*SPECIALS, *words))
    ids = torch.randint(
        END_ID + 1, len(vocabulary), (ROWS + 32, WIDTH), generator=stream(0, "check/texts")
    )
    ids[:, 0], ids[:, -1] = START_ID, END_ID
    train_rows, validation, test = ids.int().split([ROWS, 16, 16])
    return Splits(
        train=train_rows,
        validation=validation,
        test=test,
        kind="texts",
        vocabulary=vocabulary,
    )


def _spec(name: str, settings: Settings, architecture: str, small: Settings) -> RunSpec:
    track = Track(
        name="check",
        dataset="toy",
        architecture=architecture,
        architecture_settings={**small, "latent": LATENT},
        epochs=EPOCHS,
        batch_size=16,
        learning_rate=1e-2,
    )
    given: dict[str, Setting] = remedies.identity(name, settings)
    return resolve(Task(track=track, critic="none", objective=name, objective_settings=given), 0)
