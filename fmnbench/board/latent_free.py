"""Models without a latent: what they reach is a reference in the table of the models with one."""

from collections.abc import Sequence

from fmnbench.board.base import Reference
from fmnbench.board.rows import Sheet
from fmnbench.board.statistics import mean
from fmnbench.spec import LATENT_FREE


def latent_free(sheets: Sequence[Sheet]) -> tuple[list[Sheet], dict[str, Reference]]:
    """Returns the sheets that are tables of their own, and by track the reference of the others.

    A latent-free model is a reference where its track has a table and it was trained on the same
    data; it is not shown before one of its runs is done.
    """
    tracks = {sheet.track.name: sheet for sheet in sheets}
    tables: list[Sheet] = []
    references: dict[str, Reference] = {}
    for sheet in sheets:
        name = sheet.track.name.removesuffix(LATENT_FREE)
        if name == sheet.track.name or name not in tracks:
            tables.append(sheet)
            continue
        data = {
            each.spec.dataset_fingerprint
            for line in tracks[name].current
            for each in line.results.values()
        }
        values = [
            result.metrics["nll"]
            for line in sheet.current
            for result in line.results.values()
            if "nll" in result.metrics and result.spec.dataset_fingerprint in data
        ]
        if values:
            label = f"latent-free {sheet.track.architecture}"
            references[name] = Reference(label=label, n=len(values), means={"nll": mean(values)})
    return tables, references
