"""Any texts of one's own."""

from fmnbench.data.cache import OWN_TEXTS
from fmnbench.data.sources.catalogue import outside
from fmnbench.datasets.base import CachedTexts
from fmnbench.errors import UsageError
from fmnbench.registry import datasets


@datasets.register("text", source="the user's own files", licence="the files' own", version=1)
class Text(CachedTexts):
    """Any three UTF-8 files, one document a line, imported under a `name`.

    `fmnbench data import text/NAME TRAIN VALIDATION TEST` brings them.
    """

    def __init__(
        self, *, name: str = "", vocabulary: int | None = 20_000, test_rows: int | None = None
    ) -> None:
        super().__init__(vocabulary=vocabulary, test_rows=test_rows)
        if not name:
            raise UsageError(
                "dataset 'text' needs a name: dataset_settings = { name = \"NAME\" }."
            )
        self.place = f"{OWN_TEXTS}/{name}"
        outside(self.place)  # refuses a name that would lead out of its folder
