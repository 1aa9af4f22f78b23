"""What a row is called: as short as the other rows of its table allow."""

import math
from collections.abc import Sequence

from fmnbench.board.rows import Line
from fmnbench.spec import Setting, Settings, Task, canonical_json

PLAIN = ("none", "elbo")  # critic and objective of the plain VAE
VAE = "VAE"  # what it is called
SYMBOLS = {"beta": "β"}  # of an objective that has one setting, of its own name


def labels(lines: Sequence[Line]) -> list[str]:
    """Returns a name for each row of a table, no two the same.

    A critic's settings are named where rows differ in them, an objective's always.
    """
    return [_label(line, lines) for line in lines]


def method_label(task: Task, named: Settings | None = None) -> str:
    """Returns what a method is called: VAE, self λ=20, β=0.2, or self λ=20 + β=0.2.

    `named` are the critic's settings that are part of it; an objective's always are.
    """
    critic, objective = _listed(named or {}), _objective(task)
    if (task.critic, task.objective) == PLAIN:
        label = VAE + critic + objective.removeprefix("elbo")
    elif task.critic == "none":
        label = objective + critic
    else:
        label = task.critic + critic
    if task.critic != "none" or task.lambda_:
        label += f" λ={value(float(task.lambda_))}"
    if task.critic != "none" and objective != "elbo":
        label += f" + {objective}"
    return label


def method_parts(task: Task) -> list[str]:
    """Returns what a method is made of by name: its critic, its objective; none of the VAE."""
    return [part for part in (task.critic, task.objective) if part not in PLAIN]


def value(setting: Setting, digits: int | None = None) -> str:
    """Returns a setting as a reader writes it: 20 for 20.0, (8, 4) for a tuple.

    With `digits`, a number with a fraction is rounded to so many significant digits; no digit
    before its point is lost.
    """
    if isinstance(setting, float):
        rounded = setting if digits is None else _rounded(setting, digits)
        return repr(rounded).removesuffix(".0")
    if isinstance(setting, bool) or setting is None:
        return str(setting).lower()
    if isinstance(setting, tuple | list):
        return f"({', '.join(value(item, digits) for item in setting)})"
    return str(setting)


def _rounded(number: float, digits: int) -> float:
    if not number or not math.isfinite(number):
        return number
    before = math.floor(math.log10(abs(number))) + 1  # digits before the point
    return round(number, max(0, digits - before))


def _label(line: Line, lines: Sequence[Line]) -> str:
    task = line.task
    rivals = [other.task.critic_settings for other in lines if other.task.critic == task.critic]
    label = method_label(task, _differing(task.critic_settings, rivals))
    return f"{label} [{line.differs}]" if line.differs else label


def _objective(task: Task) -> str:
    name, settings = task.objective, task.objective_settings
    if name in SYMBOLS and set(settings) == {name}:
        return f"{SYMBOLS[name]}={value(settings[name])}"
    return name + _listed(settings)


def _differing(settings: Settings, rivals: Sequence[Settings]) -> dict[str, Setting]:
    """Returns the settings for which some rival has another value."""
    return {
        name: setting
        for name, setting in settings.items()
        if any(
            name in other and canonical_json(other[name]) != canonical_json(setting)
            for other in rivals
        )
    }


def _listed(settings: Settings) -> str:
    if not settings:
        return ""
    return f"({', '.join(f'{name}={value(settings[name])}' for name in sorted(settings))})"
