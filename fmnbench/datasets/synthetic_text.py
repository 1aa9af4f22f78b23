"""Text with a known truth, made on the spot."""

from fmnbench.data.synthetic.text import synthetic_text
from fmnbench.datasets.base import Dataset, Splits, text_splits
from fmnbench.registry import datasets


@datasets.register(
    "synthetic-text",
    kind="texts",
    source="He et al. 2019, sec. 3.1",
    licence="MIT",
    embedded=True,
    version=1,
)
class SyntheticText(Dataset):
    """Sentences of 10 words from a random LSTM that sees z in the plane; the true NLL is known.

    z comes from four normal distributions; 16,000 / 2,000 / 2,000 sentences of 1,000 words.
    """

    def load(self) -> Splits:
        """Returns the default language's splits; `fmnbench.data.synthetic.text` has its truth."""
        made = synthetic_text()
        texts = {
            split: made.vocabulary.encode(getattr(made, split).documents())
            for split in ("train", "validation", "test")
        }
        return text_splits(made.vocabulary, texts)
