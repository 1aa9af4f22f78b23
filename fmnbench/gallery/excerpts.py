"""Texts that a trained model writes: a page for each run on texts, from its kept weights."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.board.labels import method_label
from fmnbench.data.tokens import unpadded
from fmnbench.data.vocabulary import UNKNOWN, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveCategorical
from fmnbench.report.markdown import escape
from fmnbench.rng import stream
from fmnbench.runs.run import trained
from fmnbench.spec import RunSpec

TEXTS = 5  # test documents, and draws from the prior
STEPS = 5  # texts from one document to another, both ends included
CHARACTERS = 300  # of a text at most, about four lines of a page
CUT = " …"
NOTHING = "*no words*"  # never a text itself, whose asterisks would be escaped


def excerpt(spec: RunSpec, splits: Splits, weights: Path) -> str:
    """Returns a Markdown page of a run: reconstructions, draws from the prior, an interpolation.

    A model without a latent has draws only. The same weights give the same page.

    Raises:
        Declined: the dataset has no texts, or the model does not write word by word.
        RecordError: the weights cannot be read or are of another model.
    """
    if splits.kind != "texts" or splits.vocabulary is None:
        raise Declined(f"dataset '{spec.track.dataset}' has no texts")
    vae = trained(spec, splits, weights)
    return "\n".join([*_head(spec), *_sections(vae, splits, splits.vocabulary, spec.seed)])


def _head(spec: RunSpec) -> Iterator[str]:
    track = escape(spec.track.name)
    yield from (f"# What a model of {track} writes", "")
    about = (
        f"{method_label(spec.task)}, seed {spec.seed}; run {spec.key}. "
        f"{UNKNOWN} is any word that is not in the vocabulary; "
        f"texts are cut after {CHARACTERS} characters."
    )
    yield from (escape(about), "")


@torch.no_grad()
def _sections(vae: VAE, splits: Splits, vocabulary: Vocabulary, seed: int) -> list[str]:
    """Returns the lines of all tables."""

    def read(rows: Int32[Tensor, "n t"]) -> list[str]:
        return vocabulary.decode(unpadded(rows.numpy()))

    generator = stream(seed, "excerpt")
    z = vae.prior.rsample((TEXTS,), generator=generator)
    writer = _writer(vae, z)
    sampled = read(writer.sample(generator=generator))
    if not vae.latent:
        return [*_table("Texts, sampled", ["sampled"], [sampled])]
    x = splits.test[:TEXTS]
    mean = vae.encode(x).mean
    share = torch.linspace(0, 1, STEPS, dtype=mean.dtype)[:, None]
    between = torch.lerp(mean[:1], mean[-1:], share)
    reconstructed, drawn, interpolated = (
        read(_writer(vae, part).greedy()) for part in (mean, z, between)
    )
    places = [f"{part:.0%}" for part in share[:, 0].tolist()]
    return [
        *_table(
            "Test documents, and their reconstructions: the likeliest words at the posterior mean",
            ["document", "reconstruction"],
            [read(x), reconstructed],
        ),
        *_table(
            "Texts at z ~ p(z): the likeliest words, and sampled ones",
            ["likeliest words", "sampled"],
            [drawn, sampled],
        ),
        *_table(
            "Between the posterior means of the first and the last of these documents",
            ["position", "likeliest words"],
            [places, interpolated],
        ),
    ]


def _writer(vae: VAE, z: Float[Tensor, "n d"]) -> AutoregressiveCategorical:
    """Returns the distribution of texts at each z."""
    likelihood = vae.decode(z)
    if not isinstance(likelihood, AutoregressiveCategorical):
        raise Declined(f"{type(vae).__name__} does not write texts word by word")
    return likelihood


def _table(title: str, heads: Sequence[str], columns: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields a table: in its cells, unlike in lists, no text can begin a block."""
    yield from (f"## {title}", "")
    yield _line(heads)
    yield _line([":--"] * len(heads))
    for texts in zip(*columns, strict=True):
        yield _line([_shown(text) for text in texts])
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(text: str) -> str:
    """Returns a text as Markdown, cut between words where it is long."""
    short = textwrap.shorten(text, CHARACTERS, placeholder=CUT, break_on_hyphens=False)
    return escape(short) or NOTHING
