"""Pictures of a store's runs, drawn where their weights are kept."""

from collections.abc import Sequence
from pathlib import Path

import typer

from fmnbench.board import Board
from fmnbench.errors import Declined, FmnbenchError
from fmnbench.files import write_atomically
from fmnbench.spec import Result
from fmnbench.store import Store


def draw(boards: Sequence[Board], results: Sequence[Result], store: Store, folder: Path) -> None:
    """Draws the first run of each row of the boards that has none yet, as <track>/<key>.png.

    What cannot be drawn, though its weights are here, is named on stderr.
    """
    from fmnbench.pictures import picture

    by_key = {result.spec.key: result for result in results}
    firsts = [
        next(iter(row.records.values())) for board in boards for row in board.rows if row.records
    ]
    for key in dict.fromkeys(firsts):
        result, weights = by_key[key], store.weights(key)
        path = folder / result.spec.track.name / f"{key}.png"
        if path.is_file() or not weights.is_file():
            continue
        try:
            write_atomically(path, picture(result, weights))
        except Declined:
            continue  # a dataset without images has nothing to draw
        except FmnbenchError as error:
            typer.echo(f"no picture of {key}: {error}", err=True)
