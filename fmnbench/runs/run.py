"""RunSpec → Result: data, model, training, evaluation; every ending becomes a record."""

import dataclasses
import math
import numbers
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_weights
from safetensors.torch import save as save_weights

from fmnbench.architectures.base import VAE, kinds_of
from fmnbench.data.identity import verify
from fmnbench.datasets.base import Splits
from fmnbench.errors import ComponentError, Declined, Diverged, FmnbenchError, RecordError
from fmnbench.files import write_atomically
from fmnbench.metrics.base import Evaluation
from fmnbench.records.definitions import wanted
from fmnbench.registry import architectures, critics, datasets, metrics, objectives
from fmnbench.rng import isolated
from fmnbench.runs.fitting import require_fitting
from fmnbench.runs.provenance import provenance
from fmnbench.spec import TRAIN_PROCESSOR, Result, RunSpec, Status
from fmnbench.training.loop import EpochReport, Model, train

WEIGHTS = "weights.safetensors"
BOUND = ("elbo", "kl", "reconstruction")  # a run in which one of these is not finite has diverged
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bf16": torch.float32}
TORCH = str(Path(torch.__file__).parent)
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")  # in torch's messages, GPU and CPU


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
    """Where a run takes place: all that may not move its numbers beyond the last digits."""

    device: str = "cpu"
    threads: int = 1
    plugins: Sequence[Path] = ()


def execute(spec: RunSpec, conditions: Conditions, *, work: Path, report: EpochReport) -> Result:
    """Returns the record of a run, whatever becomes of it; resumes from `work` if it was cut off.

    The checkpoint, the weights of a trained VAE (WEIGHTS) and, after an unforeseen error, its
    traceback lie in the folder `work`.
    """
    torch.set_num_threads(conditions.threads)
    # cuDNN's default, products of 11 bits, is for tracks that ask for few
    torch.backends.cudnn.allow_tf32 = spec.track.precision == "bf16"
    clock = Clock()
    name = torch.cuda.get_device_name(conditions.device) if "cuda" in conditions.device else None
    origin = provenance(
        device=conditions.device,
        device_name=name,
        threads=conditions.threads,
        dataset=spec.dataset_fingerprint,
        plugins=conditions.plugins,
    )
    result = Result(spec=spec, status="done", provenance=origin)
    try:
        result = _numbers(result, work, clock, report)
    except Exception as error:  # noqa: BLE001, RUF100 - whatever a component raises is recorded
        status = _status(error)
        if status == "failed":
            work.mkdir(parents=True, exist_ok=True)
            (work / "traceback.txt").write_text(traceback.format_exc())
        curve = error.curve if isinstance(error, Diverged) else ()
        result = dataclasses.replace(result, status=status, error=_one_line(error), curve=curve)
    seconds = sum(clock.seconds.values(), 0.0)
    return dataclasses.replace(
        result,
        timings={**clock.seconds, **result.timings},
        provenance=dataclasses.replace(result.provenance, seconds=seconds),
    )


class Clock:
    """Wall seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Books the time since the last lap to a phase."""
        now = time.perf_counter()
        self.seconds[phase] = now - self._since
        self._since = now


def _numbers(result: Result, work: Path, clock: Clock, report: EpochReport) -> Result:
    """Returns the result with metrics and curve; leaves the trained VAE's weights in `work`."""
    spec = result.spec
    device = torch.device(result.provenance.device)
    splits, sha256 = load(spec, device)
    clock.lap("data")
    model = build(spec, splits)
    progression = train(model, splits, spec, checkpoint=work / "checkpoint.pt", report=report)
    clock.lap("train")
    write_atomically(work / WEIGHTS, save_weights(_contiguous(model.vae)))
    clock.seconds["train"] = progression.seconds
    of_processor = {TRAIN_PROCESSOR: progression.processor_seconds} if device.type == "cpu" else {}
    measured = evaluate(model.vae, splits, spec, clock)
    broken = measured.broken
    origin = dataclasses.replace(
        result.provenance, dataset_sha256=sha256, resumed=progression.resumed
    )
    diverged = ", ".join(f"{name} {broken[name]}" for name in BOUND if name in broken)
    return dataclasses.replace(
        result,
        status="diverged" if diverged else "done",
        error=f"after training, {diverged}" if diverged else None,
        metrics={} if diverged else measured.values,
        broken=broken,
        metric_versions={} if diverged else measured.versions,
        curve=tuple(progression.curve),
        timings=of_processor,
        provenance=origin,
    )


def _contiguous(vae: VAE) -> dict[str, torch.Tensor]:
    """Returns the weights of a VAE by name, as safetensors takes them."""
    return {name: weight.contiguous() for name, weight in vae.state_dict().items()}


def load(spec: RunSpec, device: torch.device) -> tuple[Splits, str]:
    """Returns a spec's splits on a device, in the track's precision, and their SHA-256.

    Those of a trial of tuning are without test rows.
    """
    track = spec.track
    splits = datasets.get(track.dataset)(**track.dataset_settings).load()
    sha256 = verify(track.dataset, track.dataset_settings, splits, spec.dataset_fingerprint)
    if spec.judged == "validation":
        splits = splits.without_test()
    return splits.to(device, DTYPES[track.precision]), sha256


def build(spec: RunSpec, splits: Splits) -> Model:
    """Returns untrained parts, initialised by streams of the seed alone.

    Two critics with one seed start from the same VAE. Raises Declined where parts do not fit.
    """
    track = spec.track
    make_vae, make_critic = architectures.get(track.architecture), critics.get(spec.critic)
    kinds = kinds_of(make_vae)
    if splits.kind not in kinds:
        takes = " and ".join(kinds)
        raise Declined(f"{track.architecture} takes {takes}; {track.dataset} has {splits.kind}")
    with isolated(spec.seed, "init/vae"):
        vae = make_vae(splits.inputs, **track.architecture_settings)
    with isolated(spec.seed, "init/critic"):
        critic = make_critic(vae, **spec.critic_settings)
    with isolated(spec.seed, "init/objective"):
        objective = objectives.get(spec.objective)(**spec.objective_settings)
    for part in (vae, critic, objective):
        part.to(splits.train.device, DTYPES[track.precision])
    require_fitting(vae, splits, track.architecture)
    return Model(
        vae=vae,
        critic=critic,
        objective=objective,
        lambda_=spec.lambda_,
    )


def trained(spec: RunSpec, splits: Splits, weights: Path) -> VAE:
    """Returns the VAE of a done run from its kept weights, in evaluation mode.

    Raises RecordError where the weights cannot be read or are of another model.
    """
    vae = build(spec, splits).vae
    try:
        vae.load_state_dict(load_weights(weights))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise RecordError(f"{weights} has not the weights of this run: {reason}.") from error
    return vae.eval()


def evaluation_of(vae: VAE, splits: Splits, spec: RunSpec) -> Evaluation:
    """Returns the evaluation of a run's VAE on the split that judges it, as its track says."""
    return Evaluation(
        vae,
        splits,
        seed=spec.seed,
        batch_size=spec.track.batch_size,
        nll_samples=spec.track.nll_samples,
        precision=spec.track.precision,
        judged=spec.judged,
    )


class Measured(NamedTuple):
    """Metrics: values, the causes of those that are broken, versions of all, declined too."""

    values: dict[str, float]
    broken: dict[str, str]
    versions: dict[str, str]


def evaluate(vae: VAE, splits: Splits, spec: RunSpec, clock: Clock) -> Measured:
    """Returns each metric that the run wants and that applies, and the causes of broken ones.

    A metric that raises an error or is not finite costs no other its value. Books the seconds
    of each.
    """
    evaluation = evaluation_of(vae, splits, spec)
    values: dict[str, float] = {}
    broken: dict[str, str] = {}
    versions: dict[str, str] = {}
    for name in wanted(spec):
        versions[name] = metrics.version(name)
        metric = metrics.get(name)
        try:
            with isolated(spec.seed, f"metric/{name}", evaluation.x.device):
                value = _number(metric(evaluation))
        except Declined:
            continue  # a metric of other architectures: the record simply does not have it
        except FmnbenchError:
            raise
        except Exception as error:  # noqa: BLE001, RUF100 - whatever a metric raises is recorded
            if _status(error) == "out_of_memory":
                raise
            broken[name] = _one_line(error)
        else:
            if math.isfinite(value):
                values[name] = value
            else:
                broken[name] = f"is {value}"
        clock.lap(f"metric.{name}")
    return Measured(values, broken, versions)


def _number(value: object) -> float:
    """A metric's value as a float; TypeError where it is not one real number."""
    if isinstance(value, torch.Tensor | np.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise TypeError(f"a metric returns one number, not a {type(value).__name__}")
    return float(value)


def _status(error: Exception) -> Status:
    if isinstance(error, Declined):
        return "skipped"
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY):
        return "out_of_memory"
    return "failed"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, Declined | Diverged | ComponentError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    # a mistake in a call of torch is to be found where torch was called
    ours = [frame for frame in frames if not frame.filename.startswith(TORCH)]
    place = (ours or frames)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {text} ({where})"
