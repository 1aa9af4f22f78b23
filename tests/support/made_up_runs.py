"""An executor whose runs have made-up numbers, known functions of λ, and take no time."""

import dataclasses
import datetime
import math
from typing import ClassVar

from fmnbench.errors import Declined
from fmnbench.planning.costs import Cost
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import Event
from fmnbench.runs.executors.stopping import stop_if_asked
from fmnbench.spec import Provenance, Result

BEST = 2.0  # the λ of the lowest NLL
PLAIN = 100.1  # NLL of the plain VAE
PROVENANCE = Provenance(
    fmnbench="0.1.0",
    git_commit=None,
    git_dirty=None,
    python="3.11.9",
    torch="2.13.0",
    device="cpu",
    device_name="a processor",
    threads=1,
    dataset_sha256="ab" * 32,
    started="",
    seconds=10.0,
)


def nll(weight):
    """The NLL of a λ: a parabola of log10 λ around BEST; of the plain VAE it is PLAIN."""
    return 100 + math.log10(weight / BEST) ** 2 if weight else PLAIN


def information(weight):
    """MI lower of a λ: it grows with λ."""
    return math.log1p(weight)


def numbers(spec):
    """The metrics of a run; they hardly depend on its seed."""
    return {
        "nll": nll(spec.lambda_) + 0.001 * (spec.seed % 10),
        "mi_lower": information(spec.lambda_),
        "mi_ceiling": 9.0,
        "au": 4.0,
        "z_dependence": 0.5,
        "reference.nll": 200.0,
    }


def entry(spec, epoch):
    """An epoch of a curve, all of its bound being the rate."""
    return {
        "epoch": float(epoch),
        "validation.reconstruction": 0.0,
        "validation.kl": nll(spec.lambda_),
    }


class MadeUp:
    """Runs one after the other. The class is told how: `ending` of a spec, `stop_after` runs."""

    ending = staticmethod(lambda spec: "done")
    stop_after = math.inf
    ran: ClassVar = []  # keys, in their order
    batches: ClassVar = []  # how many runs were asked for at a time

    def settled(self, options):
        return dataclasses.replace(options, device="cpu", jobs=options.jobs or 1)

    def trial(self, spec, options, seconds):
        return Cost(run=10.0, nll=1.0, rough=True)

    def __call__(self, specs, options, listen):
        MadeUp.batches.append(len(specs))
        for spec in specs:
            if len(MadeUp.ran) >= MadeUp.stop_after:
                raise KeyboardInterrupt
            MadeUp.ran.append(spec.key)
            result = self.run(spec, Store(options.store), listen)
            Store(options.store).save(result, replace=True)
            listen(Event(spec=spec, kind="finished", status=result.status))

    def run(self, spec, store, listen):
        """Returns the record of a run, whose bound at each epoch is its NLL."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        status = MadeUp.ending(spec)
        result = Result(
            spec=spec,
            status=status,
            metrics=numbers(spec) if status == "done" else {},
            error=None if status == "done" else "made up",
            curve=tuple(entry(spec, epoch) for epoch in range(1, spec.track.epochs + 1)),
            provenance=dataclasses.replace(PROVENANCE, started=now),
        )
        for epoch in range(1, spec.track.epochs + 1):
            listen(Event(spec=spec, kind="epoch", epoch=epoch, bound=nll(spec.lambda_)))
            try:
                stop_if_asked(store, spec.key)
            except Declined as reason:
                return dataclasses.replace(
                    result, status="skipped", metrics={}, error=str(reason), curve=()
                )
        return result
