"""Pictures and excerpts of a store's runs, made where their weights are kept."""

from collections.abc import Sequence
from pathlib import Path

import typer

from fmnbench.board import Board
from fmnbench.errors import Declined, FmnbenchError
from fmnbench.files import write_atomically
from fmnbench.records.store import Store
from fmnbench.spec import Result, RunSpec

PICTURE, EXCERPT = ".png", ".md"  # of runs on images, and on texts


def draw(boards: Sequence[Board], results: Sequence[Result], store: Store, folder: Path) -> None:
    """Draws the first run of each row of the boards that has nothing yet, as <track>/<key>.

    Runs on images give a PNG, runs on texts a page of Markdown. What cannot be drawn, though its
    weights are here, is named on stderr.
    """
    by_key = {result.spec.key: result for result in results}
    firsts = [
        next(iter(row.records.values())) for board in boards for row in board.rows if row.records
    ]
    for key in dict.fromkeys(firsts):
        result, weights = by_key[key], store.weights(key)
        paths = {
            kind: folder / result.spec.track.name / f"{key}{kind}" for kind in (PICTURE, EXCERPT)
        }
        if any(path.is_file() for path in paths.values()) or not weights.is_file():
            continue
        try:
            kind, content = _drawn(result.spec, weights)
            write_atomically(paths[kind], content)
        except Declined:
            continue  # neither images nor texts, or data that are not here: nothing to draw
        except FmnbenchError as error:
            typer.echo(f"no picture of {key}: {error}", err=True)


def _drawn(spec: RunSpec, weights: Path) -> tuple[str, bytes]:
    """Returns what there is to see of a run, and of which kind it is."""
    import torch

    from fmnbench.gallery.excerpts import excerpt
    from fmnbench.gallery.pictures import picture
    from fmnbench.runs.run import load

    splits, _ = load(spec, torch.device("cpu"))
    if splits.kind == "images":
        return PICTURE, picture(spec, splits, weights)
    return EXCERPT, excerpt(spec, splits, weights).encode()
