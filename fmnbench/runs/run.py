"""RunSpec → Result: data, model, training, evaluation; every ending becomes a record."""

import dataclasses
import traceback
from pathlib import Path

import torch

from fmnbench.architectures.base import VAE, kinds_of
from fmnbench.data.identity import verify
from fmnbench.datasets.base import Splits
from fmnbench.errors import ComponentError, Declined, Diverged, MachineError, text_of
from fmnbench.files import write_atomically
from fmnbench.planning.plan import component_versions
from fmnbench.records.storable import storable
from fmnbench.registry import architectures, critics, datasets, remedies
from fmnbench.rng import isolated
from fmnbench.runs.causes import cut, is_of_the_machine, one_line, status_of
from fmnbench.runs.endings import ROWS, WEIGHTS
from fmnbench.runs.evaluation import Clock, evaluate
from fmnbench.runs.fitting import require_fitting
from fmnbench.runs.kept import keep, kept, not_of_run
from fmnbench.runs.provenance import provenance, used_plugins
from fmnbench.spec import TRAIN_PROCESSOR, Result, RunSpec
from fmnbench.training.loop import EpochReport, train
from fmnbench.training.model import Model

BOUND = ("elbo", "kl", "reconstruction")  # a run in which one of these is not finite has diverged
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bf16": torch.float32}
LONGEST_TRACEBACK = 1_000_000  # letters


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
    """Where a run takes place: all that may not move its numbers beyond the last digits."""

    device: str = "cpu"
    threads: int = 1

    def arrange(self, spec: RunSpec) -> None:
        """Sets the threads and the precision of products in this process."""
        torch.set_num_threads(self.threads)
        # cuDNN's default, products of 11 bits, is for tracks that ask for few
        torch.backends.cudnn.allow_tf32 = spec.track.precision == "bf16"


def execute(spec: RunSpec, conditions: Conditions, *, work: Path, report: EpochReport) -> Result:
    """Returns the record of a run, whatever becomes of it; resumes from `work` if it was cut off.

    The checkpoint, the weights of a trained VAE (WEIGHTS) and, after an unforeseen error, its
    traceback lie in the folder `work`. Raises MachineError where not the run is at fault: for a
    full disk, or data that are damaged, changed or gone.
    """
    conditions.arrange(spec)
    clock = Clock()
    name = torch.cuda.get_device_name(conditions.device) if "cuda" in conditions.device else None
    origin = provenance(
        device=conditions.device,
        device_name=name,
        threads=conditions.threads,
        dataset=spec.dataset_fingerprint,
        plugins={},
    )
    result = Result(spec=spec, status="done", provenance=origin)
    try:
        origin = dataclasses.replace(origin, plugins=used_plugins(spec))
        result = dataclasses.replace(result, provenance=origin)
        require_planned(spec)
        result = _numbers(result, work, clock, report)
    except BaseException as error:  # whatever a component raises is recorded
        if is_of_the_machine(error):
            raise MachineError(text_of(error)) from error
        status = status_of(error)
        if status == "failed":
            text = cut(traceback.format_exc(), LONGEST_TRACEBACK)
            write_atomically(work / "traceback.txt", text.encode(errors="backslashreplace"))
        curve = error.curve if isinstance(error, Diverged) else ()
        result = dataclasses.replace(result, status=status, error=one_line(error), curve=curve)
    seconds = sum(clock.seconds.values(), 0.0)
    return storable(
        dataclasses.replace(
            result,
            timings={**clock.seconds, **result.timings},
            provenance=dataclasses.replace(result.provenance, seconds=seconds),
        )
    )


def _numbers(result: Result, work: Path, clock: Clock, report: EpochReport) -> Result:
    """Returns the result with metrics and curve; leaves the trained VAE's weights in `work`."""
    spec = result.spec
    device = torch.device(result.provenance.device)
    splits, sha256 = load(spec, device)
    clock.lap("data")
    model = build(spec, splits)
    done = train(model, splits, spec, checkpoint=work / "checkpoint.pt", report=report)
    clock.lap("train")
    keep(work / WEIGHTS, model.vae, done.best)
    clock.seconds["train"] = done.seconds
    of_processor = {TRAIN_PROCESSOR: done.processor_seconds} if device.type == "cpu" else {}
    measured = evaluate(model.vae, splits, spec, clock, best=done.best)
    if measured.rows is not None:
        write_atomically(work / ROWS, measured.rows[1])
    broken = measured.broken
    origin = dataclasses.replace(
        result.provenance,
        dataset_sha256=sha256,
        resumed=done.resumed,
        plugins={**result.provenance.plugins, **measured.plugins},
    )
    diverged = ", ".join(f"{name} {broken[name]}" for name in BOUND if name in broken)
    return dataclasses.replace(
        result,
        status="diverged" if diverged else "done",
        error=f"after training, {diverged}" if diverged else None,
        metrics={} if diverged else measured.values,
        broken=broken,
        metric_versions={} if diverged else measured.versions,
        rows=measured.rows[0] if measured.rows and not diverged else None,
        curve=tuple(done.curve),
        timings=of_processor,
        provenance=origin,
    )


def require_planned(spec: RunSpec) -> None:
    """Raises ComponentError where a component is not the one that the run's key stands for."""
    for kind, version in component_versions(spec.task).items():
        if spec.versions.get(kind, version) != version:
            raise ComponentError(
                f"The {kind} has changed since this run was planned; plan it again."
            )


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
    with isolated(spec.seed, "init/objective"):
        remedy = remedies.get(spec.objective)(**spec.objective_settings)
    with isolated(spec.seed, "init/around"):
        vae = remedy.around(vae)
    with isolated(spec.seed, "init/critic"):
        critic = make_critic(vae, **spec.critic_settings)
    for part in (vae, critic, remedy):
        part.to(splits.train.device, DTYPES[track.precision])
    require_fitting(vae, splits, track.architecture)
    return Model(
        vae=vae,
        critic=critic,
        remedy=remedy,
        lambda_=spec.lambda_,
    )


def trained(spec: RunSpec, splits: Splits, weights: Path) -> VAE:
    """Returns the VAE of a done run from its kept weights, in evaluation mode.

    Raises RecordError where the weights cannot be read or are of another model.
    """
    vae = build(spec, splits).vae
    found, _ = kept(weights)
    try:
        vae.load_state_dict(found)
    except RuntimeError as error:
        raise not_of_run(weights, error) from error
    return vae.eval()
