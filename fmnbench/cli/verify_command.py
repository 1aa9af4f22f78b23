"""`fmnbench results verify`: records are run again, and compared with what they say."""

from typing import Annotated

import typer

from fmnbench.cli import run_options as option
from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    load_plugins,
    positive_integer,
    require_folder,
)
from fmnbench.cli.run_display import RunDisplay
from fmnbench.cli.text import counted, run_name, say
from fmnbench.cli.usage import SOME_FAILED
from fmnbench.errors import UsageError, unknown
from fmnbench.planning.suite import relations
from fmnbench.planning.suite_file import all_suites
from fmnbench.records.store import Store
from fmnbench.runs.executors.base import RunOptions
from fmnbench.runs.verify import GOOD, Verified, verify
from fmnbench.spec import Result


def verify_results(  # noqa: PLR0913, PLR0917 - one parameter an option
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Keys, or the first digits of them."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    track: Annotated[
        list[str] | None,
        typer.Option("--track", metavar="NAME", help="The records of this track. Repeatable."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            parser=positive_integer("--sample"),
            help="Only N of the records, the same ones each time.",
        ),
    ] = None,
    device: option.DeviceOption = "auto",
    jobs: option.JobsOption = None,
    plugin: PluginOption = None,
) -> int:
    """Run records again, and say whether they come out equal.

    Equal to the bit; within the tolerance of the track (a suite's `tolerance`, else 1e-6,
    relative); on another device or by another torch also within the spread over seeds; or
    different. The store stays as it is.

    \b
    Examples:
      fmnbench results verify b3301d55
      fmnbench results verify --track toy-mlp --sample 2
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    require_folder(store, exists=True)
    plugins = load_plugins(plugin)
    opened = Store(store)
    known, errors = opened.results()
    chosen = _chosen(opened, known, keys or [], track or [])[: sample or None]
    options = RunOptions(store=store, jobs=jobs or 0, device=device, plugins=plugins)
    tolerances = relations(all_suites(for_runs=False)).tolerances
    with RunDisplay([each.spec for each in chosen]) as display:
        found = verify(chosen, known, options, tolerances, display.show)
    for each in found:
        say(_line(each))
    for error in errors:
        say(f"{error.label}: {error}", err=True)
    good = sum(each.outcome in GOOD for each in found)
    say(f"{good} of {counted(len(found), 'record')} verified.")
    return 0 if good == len(found) and not errors else SOME_FAILED


def _chosen(store: Store, known: list[Result], keys: list[str], tracks: list[str]) -> list[Result]:
    """Returns done records by key, a hash: the first of them are a random sample."""
    if not keys and not tracks:
        raise UsageError("Say what to verify: KEY... or --track NAME.")
    names = {result.spec.track.name for result in known}
    for name in tracks:
        if name not in names:
            raise unknown("track", name, names)
    wanted = {store.load(store.find(key)).spec.key for key in keys}
    done = [
        result
        for result in known
        if result.status == "done"
        and (result.spec.key in wanted or result.spec.track.name in tracks)
    ]
    if not done:
        raise UsageError("None of these records is of a run that is done.")
    return sorted(done, key=lambda result: result.spec.key)


def _line(verified: Verified) -> str:
    spec = verified.record.spec
    text = f"{spec.key} {run_name(spec)}: {verified.outcome}"
    if verified.reason:
        return f"{text}: {verified.reason}"
    if not verified.differences:
        return text if verified.outcome == "equal" else f"{text} (its curve differs)"
    worst = verified.differences[0]
    spread = "" if worst.spread is None else f"; std over seeds {worst.spread:.2g}"
    number = len(verified.differences)
    return (
        f"{text} ({counted(number, 'metric')} differ{'s' * (number == 1)}; most {worst.metric}: "
        f"{worst.recorded:.6g} {worst.difference:+.2g}, relative {worst.relative:.1g}{spread})"
    )
