"""Models without a latent: their NLL is a reference in the table of the models with one."""

from collections.abc import Sequence

from fmnbench.board.base import Reference
from fmnbench.board.relations import Relations
from fmnbench.board.rows import Sheet
from fmnbench.board.statistics import mean


def with_references(
    sheets: Sequence[Sheet], relations: Relations
) -> list[tuple[Sheet, Reference | None]]:
    """Returns the sheets that are tables of their own, each with its latent-free reference.

    A latent-free track is a reference where the track that it belongs to has a table, and a table
    of its own elsewhere. A table has its reference once a run of it on the same data is done.
    """
    models = {
        id(model): model
        for model in sheets
        if any(relations.is_reference(model.track, sheet.track) for sheet in sheets)
    }
    return [
        (sheet, _reference(sheet, list(models.values()), relations))
        for sheet in sheets
        if id(sheet) not in models
    ]


def _reference(sheet: Sheet, models: Sequence[Sheet], relations: Relations) -> Reference | None:
    """Returns the reference of a table from the newest of its models that has a value."""
    data = {
        result.spec.dataset_fingerprint
        for line in sheet.current
        for result in line.results.values()
    }
    for model in reversed(models):
        values = [
            result.metrics["nll"]
            for line in model.current
            for result in line.results.values()
            if "nll" in result.metrics and result.spec.dataset_fingerprint in data
        ]
        if values and relations.is_reference(model.track, sheet.track):
            label = f"latent-free {model.track.architecture}"
            return Reference(label=label, n=len(values), means={"nll": mean(values)})
    return None
