"""The settings of a component: its keyword-only arguments, with their types and defaults."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pydantic

from fmnbench.errors import ComponentError, UsageError, unknown
from fmnbench.registry.ranges import Range
from fmnbench.spec import Setting, Settings

Component = Callable[..., object]
PLAIN = pydantic.ConfigDict(strict=True, allow_inf_nan=False)

Count = Annotated[int, pydantic.Field(ge=1)]  # a setting that is 1 or above
Positive = Annotated[float, pydantic.Field(gt=0)]  # a setting that is above 0
NotNegative = Annotated[float, pydantic.Field(ge=0)]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]


@dataclasses.dataclass(frozen=True)
class Later:
    """Marks a setting that a component got after its first records: `Annotated[str, Later()]`.

    At its default it stands in no key and in no record, so that older ones stay valid.
    """


def defaults(component: Component, what: str) -> dict[str, Setting]:
    """Returns the settings of a component with their defaults.

    Raises ComponentError for one without a default, or with one that no record can hold.
    """
    hints = _hints(component)
    found: dict[str, Setting] = {}
    for name, parameter in inspect.signature(component).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise ComponentError(f"{what} has a setting without a default: '{name}'.")
        hint = hints.get(name, type(parameter.default))
        try:
            plain = _coerced(Setting, parameter.default)
            found[name] = _coerced(hint, plain)
        except (pydantic.ValidationError, pydantic.PydanticSchemaGenerationError):
            raise ComponentError(
                f"{what} has a default that is no plain value of its type: "
                f"{name}={parameter.default!r}."
            ) from None
    return found


def filled(component: Component, given: Settings, what: str) -> dict[str, Setting]:
    """Returns all settings of a component, those given in place of their defaults.

    Raises UsageError for an unknown setting or a value of the wrong type.
    """
    settings = defaults(component, what)
    hints = _hints(component)
    for key, value in given.items():
        if key not in settings:
            raise unknown(f"setting of {what}", key, settings)
        try:
            taken = _coerced(hints.get(key, type(settings[key])), value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise UsageError(f"{key} of {what} is {value!r}: {reason}.") from None
        settings[key] = taken
    return settings


def without_later_defaults(component: Component, settings: Settings) -> dict[str, Setting]:
    """The settings that keys and records hold: all but those marked `Later` at their default."""
    hints = _hints(component)
    parameters = inspect.signature(component).parameters
    return {
        name: value
        for name, value in settings.items()
        if not (_is_later(hints.get(name)) and value == parameters[name].default)
    }


def ranges(component: Component) -> dict[str, Range]:
    """Returns the search ranges of the settings that declare one, by name."""
    hints = _hints(component)
    marks = {
        name: [mark for mark in get_args(hints.get(name))[1:] if isinstance(mark, Range)]
        for name, parameter in inspect.signature(component).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return {name: found[0] for name, found in marks.items() if found}


def _is_later(hint: Any) -> bool:  # noqa: ANN401 - any annotation
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return any(isinstance(mark, Later) for mark in marks)


def _hints(component: Component) -> dict[str, Any]:
    """Returns the annotations; none where some are names that only a type checker imports."""
    try:
        constructor = component.__init__ if inspect.isclass(component) else component
        return get_type_hints(constructor, include_extras=True)
    except NameError:
        return {}


def _coerced(hint: Any, value: object) -> Any:  # noqa: ANN401 - any annotation
    """Returns a value as its annotation wants it: 20 becomes 20.0 where a float is meant."""
    return _reader(hint)(tuple(value) if isinstance(value, list) else value)


@functools.cache
def _reader(hint: Any) -> Callable[[object], Any]:  # noqa: ANN401 - any annotation
    return pydantic.TypeAdapter(hint, config=PLAIN).validate_python
