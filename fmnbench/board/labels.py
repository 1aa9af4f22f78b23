"""What a row is called: as short as the other rows of its table allow."""

import math
from collections.abc import Sequence

from fmnbench.board.rows import Line
from fmnbench.spec import Setting, Settings, canonical_json

PLAIN = ("none", "elbo")  # critic and objective of the plain VAE


def labels(lines: Sequence[Line]) -> list[str]:
    """Returns a name for each row of a table, no two the same.

    A critic's settings are named where rows differ in them, an objective's always.
    """
    return [_label(line, lines) for line in lines]


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
    critic = task.critic + _listed(_differing(task.critic_settings, rivals))
    objective = task.objective + _listed(task.objective_settings)
    if (task.critic, task.objective) == PLAIN:
        label = "VAE" + critic.removeprefix("none") + objective.removeprefix("elbo")
    elif task.critic == "none":
        label = objective + critic.removeprefix("none")
    else:
        label = critic
    if task.critic != "none" or task.lambda_:
        label += f" λ={value(float(task.lambda_))}"
    if task.critic != "none" and objective != "elbo":
        label += f" + {objective}"
    return f"{label} [{line.differs}]" if line.differs else label


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
