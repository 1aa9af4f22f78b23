"""Texts of the user's own."""

from fmnbench.data.dataset import CachedTexts, require_plain_name
from fmnbench.errors import UsageError
from fmnbench.registry import datasets


@datasets.register(
    "text", kind="texts", source="the user's own files", licence="the files' own", version=1
)
class Text(CachedTexts):
    """Any three UTF-8 files, one document a line, imported under a `name`.

    `fmnbench data import text/NAME TRAIN VALIDATION TEST` installs them.
    """

    accepts = (
        "three UTF-8 files, one document a line: to train, validate and test; or a folder or an "
        "archive in the layout of Kim et al. or He et al."
    )
    user_named = True

    def __init__(
        self, *, name: str = "", vocabulary: int | None = 20_000, test_rows: int | None = None
    ) -> None:
        super().__init__(vocabulary=vocabulary, test_rows=test_rows)
        if not name:
            raise UsageError(
                "dataset 'text' needs a name: dataset_settings = { name = \"NAME\" }."
            )
        require_plain_name(name)
        self.cache_name = f"text/{name}"
