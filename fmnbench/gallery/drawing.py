"""Pictures and pages of texts of a store's runs, made where their weights are kept."""

from collections.abc import Sequence
from pathlib import Path

import torch

from fmnbench.board import Board
from fmnbench.errors import Declined, FmnbenchError
from fmnbench.files import write_atomically
from fmnbench.gallery.excerpts import excerpt
from fmnbench.gallery.pictures import picture
from fmnbench.records.store import Store, folder_name
from fmnbench.runs.run import load
from fmnbench.spec import Result, RunSpec

PICTURE, EXCERPT = ".png", ".md"  # of runs on images, and on texts


def draw(
    boards: Sequence[Board], results: Sequence[Result], store: Store, folder: Path
) -> dict[str, FmnbenchError]:
    """Draws the first run of each row of the boards that has nothing yet, as <track>/<key>.

    Runs on images give a PNG, runs on texts a page of Markdown. Returns the reason, by key, for
    each run that could not be drawn although its weights are here.
    """
    by_key = {result.spec.key: result for result in results}
    firsts = [
        next(iter(row.records.values())) for board in boards for row in board.rows if row.records
    ]
    undrawn: dict[str, FmnbenchError] = {}
    for key in dict.fromkeys(firsts):
        result, weights = by_key[key], store.weights(key)
        paths = {
            kind: folder / folder_name(result.spec.track.name) / f"{key}{kind}"
            for kind in (PICTURE, EXCERPT)
        }
        if any(path.is_file() for path in paths.values()) or not weights.is_file():
            continue
        try:
            kind, content = _drawn(result.spec, weights)
            write_atomically(paths[kind], content)
        except Declined:
            continue  # neither images nor texts, or data that are not here: nothing to draw
        except FmnbenchError as error:
            undrawn[key] = error
    return undrawn


def _drawn(spec: RunSpec, weights: Path) -> tuple[str, bytes]:
    """Returns the suffix and the content of the file that shows a run."""
    splits, _ = load(spec, torch.device("cpu"))
    if splits.kind == "images":
        return PICTURE, picture(spec, splits, weights)
    return EXCERPT, excerpt(spec, splits, weights).encode()
