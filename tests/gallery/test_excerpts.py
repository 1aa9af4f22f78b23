"""Excerpts of texts, on small models with drawn weights; a Markdown parser reads the pages."""

import dataclasses

import pytest
import torch
from markdown_it import MarkdownIt
from safetensors.torch import load_file, save_file

from fmnbench.data.acquire import import_files
from fmnbench.data.tokens import unpadded
from fmnbench.errors import Declined, RecordError
from fmnbench.gallery.excerpts import CHARACTERS, STEPS, TEXTS, excerpt
from fmnbench.planning.plan import resolve
from fmnbench.records.store import Store
from fmnbench.rng import isolated
from fmnbench.runs.run import build, load, trained
from fmnbench.spec import Task, Track

DOCUMENTS, DRAWS, WAY = range(3)  # the tables of a page
HOSTILE = [  # what a parser might take for more than words
    "<script>alert(1)</script> <!-- & &amp; -->",
    "a | b || [x](http://evil) ![y](z) `code` ``",
    "# *bold* _thin_ ~~gone~~ $math$ \\ \\|",
    "1. - + 2) > ::: *no words*",
    " ".join(["well-worn"] * 40) + " end",
    "not shown",
]


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    """Returns a function that makes a text dataset of some documents, in a cache of its own."""
    folder = tmp_path_factory.mktemp("texts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMNBENCH_CACHE", str(folder / "cache"))

        def make(name, train, test):
            paths = [folder / f"{name}-{split}.txt" for split in ("train", "valid", "test")]
            for path, lines in zip(paths, (train, test, test), strict=True):
                path.write_text("".join(f"{line}\n" for line in lines))
            import_files(f"text/{name}", paths)
            return name

        make("hostile", HOSTILE, HOSTILE)
        make("plain", ["a b c d e f g", "h i j k l m"], ["a b c", "unknown b", "d"])
        yield make


def unchanged(weights):
    """Leaves weights as they are."""


@pytest.fixture
def run(cached, make_result, tmp_path):
    """Returns a function that gives a run on texts and the file of its weights, freely drawn."""

    def make(name="plain", architecture="lstm", seed=0, change=unchanged):
        settings = {"embedding": 12, "hidden": 16}
        settings |= {"latent": 3} if architecture == "lstm" else {}
        track = Track(
            name="tiny-_texts_",
            dataset="text",
            dataset_settings={"name": name},
            architecture=architecture,
            architecture_settings=settings,
            epochs=1,
            batch_size=2,
            learning_rate=0.1,
        )
        spec = resolve(Task(track=track, critic="none"), seed)
        vae = build(spec, load(spec, torch.device("cpu"))[0]).vae
        with isolated(1, "test/weights"):  # wide enough for texts that differ in z
            weights = {key: torch.randn_like(part) for key, part in vae.state_dict().items()}
        change(weights)
        path = tmp_path / f"{architecture}-{seed}.safetensors"
        save_file(weights, path)
        return dataclasses.replace(make_result(), spec=spec), path

    return make


def tables(page):
    """Returns the tables of a page as CommonMark with tables has it: rows of cells as texts."""
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level == 4:
            kinds = {child.type for child in token.children}
            assert kinds <= {"text", "text_special", "em_open", "em_close"}, token
            found[-1][-1].append("".join(child.content for child in token.children))
    return [table[1:] for table in found]


def column(table, number):
    return [row[number] for row in table]


def written(result, weights):
    splits, _ = load(result.spec, torch.device("cpu"))
    return excerpt(result.spec, splits, weights)


def model(result, weights):
    splits, _ = load(result.spec, torch.device("cpu"))
    return trained(result.spec, splits, weights), splits


def read(splits, rows):
    texts = splits.vocabulary.decode(unpadded(rows.numpy()))
    return [cut(text) or "no words" for text in texts]


def cut(text):
    """Returns a text, or as many of its words as there is room for beside an ellipsis."""
    words, kept = text.split(), ""
    if len(text) <= CHARACTERS:
        return text
    while len(f"{kept} {words[0]} …".strip()) <= CHARACTERS:
        kept = f"{kept} {words.pop(0)}".strip()
    return f"{kept} …"


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_a_page_shows_test_documents_beside_what_becomes_of_their_posterior_means(run, name):
    result, weights = run(name)
    table = tables(written(result, weights))[DOCUMENTS]
    vae, splits = model(result, weights)
    assert not vae.training  # dropout would have a say
    x = splits.test[:TEXTS]
    assert column(table, 0) == read(splits, x)
    assert column(table, 1) == read(splits, vae.decode(vae.encode(x).mean).greedy())


def test_words_are_shown_as_they_are_whatever_markdown_makes_of_them(run):
    page = written(*run("hostile"))
    shown = column(tables(page)[DOCUMENTS], 0)
    assert shown[:4] == HOSTILE[:4]
    assert "not shown" not in shown
    assert "<" not in page
    assert column(tables(written(*run()))[DOCUMENTS], 0) == ["a b c", "_UNK b", "d"]


def test_a_long_text_is_cut_between_words(run):
    (shown,) = column(tables(written(*run("hostile")))[DOCUMENTS], 0)[4:]
    assert shown.endswith(" …")
    assert HOSTILE[4].startswith(f"{shown.removesuffix(' …')} ")
    assert CHARACTERS - len("well-worn ") < len(shown) <= CHARACTERS


def test_a_text_of_no_words_is_told_from_one_that_says_so(run):
    def silent(weights):
        weights["decoder.output.weight"].zero_()  # of equal words the first is </s>

    page = written(*run("hostile", change=silent))
    assert column(tables(page)[DOCUMENTS], 1) == ["no words"] * TEXTS
    assert "| *no words* |" in page
    assert r"\*no words\* |" in page  # the end of a test document


def test_draws_are_of_different_z_and_both_columns_of_the_same(run):
    def cold(weights):
        weights["decoder.output.weight"].mul_(1e4)  # the likeliest word has all probability

    free, frozen = (tables(written(*run(change=change)))[DRAWS] for change in (unchanged, cold))
    assert len(set(column(free, 0))) == TEXTS
    assert column(free, 0) == column(frozen, 0)
    assert column(free, 1) != column(free, 0)
    assert column(frozen, 1) == column(frozen, 0)


def test_the_way_between_two_documents_is_straight_and_begins_and_ends_with_them(run):
    result, weights = run("hostile")
    documents, _, way = tables(written(result, weights))
    assert column(way, 0) == ["0%", "25%", "50%", "75%", "100%"]
    texts = column(way, 1)
    assert len(set(texts)) == STEPS
    assert [texts[0], texts[-1]] == [documents[0][1], documents[-1][1]]
    vae, splits = model(result, weights)
    mean = vae.encode(splits.test[:TEXTS]).mean
    assert texts[1:4] == read(
        splits,
        vae.decode(mean[0] + torch.tensor([[0.25], [0.5], [0.75]]) * (mean[4] - mean[0])).greedy(),
    )


def test_a_model_without_a_latent_has_sampled_texts_alone(run):
    ((*texts,),) = tables(written(*run(architecture="lstm-lm")))
    assert len(set(column(texts, 0))) == TEXTS
    assert {len(row) for row in texts} == {1}


def test_the_same_weights_give_the_same_page_and_another_seed_other_draws(run):
    page = written(*run())
    assert page == written(*run())
    other = tables(written(*run(seed=1)))
    assert other[DOCUMENTS] == tables(page)[DOCUMENTS]
    assert other[DRAWS] != tables(page)[DRAWS]


def test_a_page_says_what_it_is_of(run):
    result, weights = run()
    tokens = MarkdownIt("commonmark").parse(written(result, weights))
    texts = ["".join(part.content for part in token.children or []) for token in tokens]
    assert "What a model of tiny-_texts_ writes" in texts
    assert any(text.startswith("VAE, seed 0; run " + result.spec.key) for text in texts)


def test_weights_of_another_model_or_no_weights_are_one_clear_line(run):
    result, weights = run()
    some = load_file(weights)
    del some["decoder.output.weight"]
    save_file(some, weights)
    with pytest.raises(RecordError, match=r"has not the weights of this run: [^\n]*$"):
        written(result, weights)
    weights.write_bytes(b"no weights")
    with pytest.raises(RecordError, match="has not the weights of this run"):
        written(result, weights)


def test_data_without_texts_have_no_excerpt(run):
    result, weights = run()
    track = dataclasses.replace(result.spec.track, dataset="digits", dataset_settings={})
    digits = dataclasses.replace(result, spec=dataclasses.replace(result.spec, track=track))
    with pytest.raises(Declined, match="'digits' has no texts"):
        written(digits, weights)


def test_a_report_writes_a_page_of_what_has_weights(run, fmnbench, tmp_path):
    result, weights = run()
    store = Store(tmp_path / "results")
    store.save(result)
    kept = store.weights(result.spec.key)
    kept.parent.mkdir()
    kept.write_bytes(weights.read_bytes())
    figures = tmp_path / "figures" / "tiny-_texts_"
    assert fmnbench("report", "--store", store.folder).code == 0
    assert not figures.exists()
    done = fmnbench("report", "--store", store.folder, "--pictures")
    assert (done.code, done.err) == (0, "")
    page = figures / f"{result.spec.key}.md"
    assert page.read_text() == written(result, weights)
    assert not list(figures.glob("*.png"))
    page.write_text("as it was")
    fmnbench("report", "--store", store.folder, "--pictures")
    assert page.read_text() == "as it was"  # what has been drawn stays
