"""What `fmnbench tune` shows while it runs: a bar for the study, or a line for each trial."""

import time
from collections import Counter

from fmnbench.cli.bars import Bars, counted_columns
from fmnbench.cli.text import run_name
from fmnbench.cli.tune_tables import named
from fmnbench.printable import clean
from fmnbench.runs.executors.base import Event
from fmnbench.tune.definition import Definition
from fmnbench.tune.search import Study
from fmnbench.tune.trials import MI, NLL, Trial

SHOWN = ("pruned", "diverged", "failed")  # endings that are counted


class TuneDisplay(Bars):
    """Progress of one study: a bar on a terminal, lines in a file or pipe."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        super().__init__(*counted_columns(), fills_line=True)
        self._bar = self._progress.add_task(definition.name, total=definition.trials, note="")
        self._before: Study | None = None

    def show(self, event: Event) -> None:
        """Shows the run that an event is of."""
        if event.kind == "epoch":
            spec = event.spec
            text = f"{run_name(spec)}: epoch {event.epoch} of {spec.track.epochs}"
            self._progress.update(self._bar, description=text)

    def told(self, study: Study) -> None:
        """Shows the study as it now stands: each trial that is new, and the best so far."""
        ends = Counter(trial.ending for trial in study.trials)
        note = "".join(f"{ends[each]} {each}, " for each in SHOWN if ends[each])
        self._progress.update(self._bar, completed=len(study.trials), note=f"{note}{_best(study)}")
        before, self._before = self._before, study
        if before is None:
            return
        if study.baseline is not None and before.baseline is None:
            self._say(f"plain VAE: {_numbers(study.baseline)}")
        known = [trial.values for trial in before.trials]
        new = [trial for trial in study.trials if trial.values not in known]
        for number, trial in enumerate(new, len(known) + 1):
            self._say(f"trial {number}: {named(trial.values)}: {_numbers(trial)}")

    def _say(self, text: str) -> None:
        if self._progress.disable:
            date = time.strftime("%Y-%m-%d %H:%M:%S")
            line = clean(f"{date} {self._definition.name}: {text}")
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _best(study: Study) -> str:
    best, plain = study.choice.trial, study.baseline
    if best is None or plain is None or not plain.is_done:
        return ""
    return (
        f"best {named(best.values)}: {_numbers(best)} ({best.means[NLL] - plain.means[NLL]:+.2f})"
    )


def _numbers(trial: Trial) -> str:
    if not trial.is_done:
        return trial.ending
    return f"NLL {trial.means[NLL]:.2f}, MI lower {trial.means[MI]:.2f}"
