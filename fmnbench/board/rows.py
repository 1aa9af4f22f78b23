"""Which results are one row: those of one task, of the same data, versions and kind of device."""

import dataclasses
from collections.abc import Mapping, Sequence

from fmnbench.spec import Result, RunSpec, Settings, Task, Track, compared

OF_THE_ROW = ("critic", "objective")  # versions that may differ between rows of one table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """The results of one row by seed; none for a task that was expected but not run.

    `differs` says in what a stale row's data or versions differ from the newest.
    """

    task: Task
    results: Mapping[int, Result]
    differs: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sheet:
    """The lines of one track: one table to be."""

    title: str
    track: Track
    lines: Sequence[Line]

    @property
    def current(self) -> list[Line]:
        """The lines that may be compared with each other."""
        return [line for line in self.lines if not line.differs]


def sheets(
    results: Sequence[Result], expected: Mapping[str, Sequence[Task]] | None
) -> list[Sheet]:
    """Returns one sheet per track: the expected ones in their order, then the others by name.

    Two tracks of one name that differ in anything are two sheets. Trials of tuning, judged on the
    validation split, are on none.
    """
    results = [result for result in results if result.spec.judged == "test"]
    wanted = expected or {}
    groups: dict[str, list[tuple[Track, list[Result]]]] = {name: [] for name in wanted}
    for result in sorted(results, key=lambda result: result.spec.track.name):
        track = result.spec.track
        variants = groups.setdefault(track.name, [])
        for known, members in variants:
            if known == track:
                members.append(result)
                break
        else:
            variants.append((track, [result]))
    made = []
    for name, variants in groups.items():
        variants.sort(key=lambda variant: max(_started(result) for result in variant[1]))
        tasks = list(wanted.get(name, ()))
        planned = tasks[0].track if tasks else None
        if planned and not any(_covers_track(planned, track) for track, _ in variants):
            variants.append((planned, []))
        for track, members in variants:
            title = name + _difference(track, [other for other, _ in variants])
            rows = [task for task in tasks if _covers_track(task.track, track)]
            made.append(Sheet(title=title, track=track, lines=lines(members, rows)))
    return made


def lines(results: Sequence[Result], expected: Sequence[Task]) -> list[Line]:
    """Returns the rows of a track: the expected in their order, the others, the stale ones."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(_identity(result.spec), []).append(result)
    members = [
        groups[name]
        for name in sorted(groups, key=lambda name: (max(map(_started, groups[name])), name))
    ][::-1]
    newest: dict[str, Result] = {}
    found = []
    for group in members:  # the newest first
        head = group[0]
        task = head.spec.task
        rivals = [members[0][0], newest.setdefault(task.row, head)]
        older = _old_parts(head, *rivals)
        for device, results_by_seed in _by_device(group):
            differs = ", ".join(filter(None, [older, device]))
            found.append(Line(task=task, results=results_by_seed, differs=differs))
    missing = [
        Line(task=task, results={})
        for task in expected
        if not any(covers(task, line.task) for line in found if not line.differs)
    ]
    return sorted([*found, *missing], key=lambda line: _order(line, expected))


def covers(given: Task, filled: Task) -> bool:
    """Returns whether a task as a suite writes it means a row with all its defaults filled in.

    A setting that the suite leaves out fits any value.
    """
    same = (given.critic, given.objective, float(given.lambda_))
    return (
        same == (filled.critic, filled.objective, float(filled.lambda_))
        and _within(given.critic_settings, filled.critic_settings)
        and _within(given.objective_settings, filled.objective_settings)
    )


def _covers_track(given: Track, filled: Track) -> bool:
    nested = ("dataset_settings", "architecture_settings")
    return all(
        _within(getattr(given, name), getattr(filled, name))
        if name in nested
        else getattr(given, name) == getattr(filled, name)
        for name in compared(Track)
    )


def _identity(spec: RunSpec) -> str:
    """Returns all of a spec but its seed and track as text: what one row has in common."""
    settings = (spec.critic_settings, spec.objective_settings, spec.versions)
    parts = [sorted(mapping.items()) for mapping in settings]
    return repr((spec.critic, spec.objective, spec.lambda_, spec.dataset_fingerprint, parts))


def _by_device(results: Sequence[Result]) -> list[tuple[str, dict[int, Result]]]:
    """Returns results by seed, apart for each kind of device: numbers of two are never averaged.

    First those of the device with the most done runs, of two the newest, and all that are not
    done; the others after the name of their device.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.status == "done":
            groups.setdefault(_kind_of_device(result), []).append(result)

    def worth(kind: str) -> tuple[object, ...]:
        return (
            len({each.spec.seed for each in groups[kind]}),
            max(map(_started, groups[kind])),
            kind,
        )

    first, *others = sorted(groups, key=worth, reverse=True) or [""]
    rest = [result for result in results if result.status != "done"]
    parts = [("", [*rest, *groups.get(first, [])])]
    parts += [(f"device {kind}", groups[kind]) for kind in others]
    return [
        (name, {each.spec.seed: each for each in sorted(part, key=lambda each: each.spec.seed)})
        for name, part in parts
    ]


def _kind_of_device(result: Result) -> str:
    """Returns cpu, cuda or another kind: without the number of the device."""
    return result.provenance.device.partition(":")[0]


def _within(given: Settings, filled: Settings) -> bool:
    """Returns whether settings are among others, whether a suite writes 1 or 1.0."""
    return all(name in filled and filled[name] == value for name, value in given.items())


def _started(result: Result) -> str:
    return result.provenance.started


def _old_parts(old: Result, newest: Result, newest_of_row: Result) -> str:
    """Returns in what a record differs from the newest of the table and of its own row."""
    theirs = {**newest.spec.versions, "dataset": newest.spec.dataset_fingerprint}
    own = {**newest_of_row.spec.versions}
    theirs |= {name: own[name] for name in OF_THE_ROW if name in own}
    ours = {**old.spec.versions, "dataset": old.spec.dataset_fingerprint}
    names = [name for name in sorted(ours | theirs) if ours.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {ours.get(name, 'none')[:8]}" for name in names)


def _difference(track: Track, variants: Sequence[Track]) -> str:
    """Returns in what a track differs from others of its name, in brackets; "" if it is alone."""
    fields = [
        name
        for name in compared(Track)
        if any(getattr(track, name) != getattr(other, name) for other in variants)
    ]
    values = ", ".join(f"{name} = {getattr(track, name)}" for name in fields)
    return f" ({values})" if values else ""


def _order(line: Line, expected: Sequence[Task]) -> tuple[object, ...]:
    """Returns a sort key: expected rows first, then the plain VAE, objectives, critics."""
    task = line.task
    method = (task.critic, task.objective)
    places = [place for place, other in enumerate(expected) if covers(other, task)]
    # another λ of an expected method stands below it
    near = [
        place for place, other in enumerate(expected) if (other.critic, other.objective) == method
    ]
    return (
        bool(line.differs),
        [*places, *near[-1:], len(expected)][0],
        not places,
        task.critic != "none",
        task.critic,
        task.objective != "elbo",
        task.objective,
        task.lambda_,
        task.row,
        line.differs,
    )
