"""The datasets that need an installation in the cache, by the names that commands take."""

from fmnbench.data import cache
from fmnbench.data.dataset import CachedDataset, class_of, require_plain_name
from fmnbench.data.sources.source import Source
from fmnbench.errors import ComponentError, UsageError, unknown
from fmnbench.registry import datasets
from fmnbench.spec import Settings

EMBEDDED = "embedded"  # keyword of a dataset's decorator: nothing is installed for it


def cached_class(name: str) -> type[CachedDataset] | None:
    """Returns the class of a registered dataset, None for one that makes its own rows.

    Raises:
        UsageError: no dataset has this name.
        ComponentError: its file does not work.
    """
    if datasets.entry(name).attributes.get(EMBEDDED):
        return None  # known without importing its file
    found = class_of(datasets.get(name))
    return found if issubclass(found, CachedDataset) else None


def cached_classes() -> dict[str, type[CachedDataset]]:
    """Returns the classes of all datasets that need an installation, by name; no broken ones."""
    found = {}
    for entry in datasets.entries():
        try:
            known = cached_class(entry.name)
        except ComponentError:
            continue  # the listing shows it as broken
        if known is not None:
            found[entry.name] = known
    return found


def cached_dataset(cache_name: str) -> CachedDataset:
    """Returns the dataset of a name, or of NAME/OWN, at its default settings.

    Raises:
        UsageError: there is none, or it makes its own rows.
    """
    name, slash, own = cache_name.partition("/")
    known = cached_class(name) if name in datasets.names() else None
    if known is None and cache_name in datasets.names():
        raise UsageError(f"'{name}' makes its own data; there is nothing to fetch or import.")
    if known is None or (slash and not known.user_named):
        names = [
            f"{each}/NAME" if one.user_named else each for each, one in cached_classes().items()
        ]
        raise unknown("dataset", cache_name, names)
    if known.user_named and not own:
        raise UsageError(f"'{name}' needs a name of your choice: {name}/NAME.")
    if own:
        require_plain_name(own)
    made = datasets.get(name)(**settings_of(cache_name))
    assert isinstance(made, CachedDataset)
    if made.cache_name != cache_name:
        raise UsageError(
            f"The dataset '{name}' declares cache_name '{made.cache_name}'; it must be its name."
        )
    return made


def settings_of(cache_name: str) -> Settings:
    """Returns the default settings of a dataset, with the name that a user gave the data."""
    name, _, own = cache_name.partition("/")
    return {**datasets.settings(name), **({"name": own} if own else {})}


def source(dataset: CachedDataset, name: str) -> Source:
    """Returns one source of a dataset.

    Raises:
        UsageError: it has none of that name.
    """
    sources = {each.name: each for each in dataset.sources}
    if name not in sources:
        raise unknown(f"source of '{dataset.cache_name}'", name, sources)
    return sources[name]


def installed() -> list[str]:
    """Returns the names of all installed data, those of unknown datasets left out."""
    names = []
    for name, known in cached_classes().items():
        names += cache.user_names(name) if known.user_named else [name] * cache.is_installed(name)
    return names
