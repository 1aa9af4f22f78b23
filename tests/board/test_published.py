import re

import pytest

from fmnbench.board import SmallerCopy
from fmnbench.board.published import published, with_copies
from fmnbench.errors import RecordError
from fmnbench.files import benchmark_files
from fmnbench.planning.suite import relations
from fmnbench.planning.suite_file import all_suites

METRICS = ("report.nll", "report.mi", "report.au", "report.density", "report.coverage")

# As printed in the report's tables, row by row.
PRINTED = {
    ("Table 1", "toy-mlp", 20): """
        none   144.09 (12.59) 5.38 (0.15) 4.0 (0.0) 0.69 (0.09) 0.20 (0.05)
        self   159.54 (5.11)  6.79 (0.01) 4.0 (0.0) 0.63 (0.03) 0.14 (0.03)
        neural 158.69 (18.64) 5.78 (0.08) 4.0 (0.0) 0.73 (0.04) 0.15 (0.02)""",
    ("Table 2", "omniglot-cnn", 20): """
        none   64.29 (0.0)    0.03 (0.03) 32.0 (0.0) 0.99 (0.03) 0.97 (0.0)
        self   67.54 (6.48)   3.86 (0.03) 32.0 (0.0) 0.97 (0.11) 0.87 (0.05)
        hybrid 71.77 (0.29)   3.74 (0.01) 32.0 (0.0) 0.91 (0.28) 0.48 (0.12)
        neural 71.29 (0.26)   3.77 (0.04) 32.0 (0.0) 1.02 (0.01) 0.63 (0.01)""",
    ("Table 3", "yahoo-lstm", 40): """
        none   373.45 (1.72)  0.04 (0.05) 32.0 (0.0) 0.07 (0.08) 0.23 (0.2)
        self   433.62 (12.4)  4.09 (0.02) 32.0 (0.0) 0.13 (0.03) 0.24 (0.06)
        hybrid 380.66 (1.37)  4.07 (0.11) 32.0 (0.0) 0.07 (0.05) 0.21 (0.11)
        neural 379.28 (1.62)  3.95 (0.25) 32.0 (0.0) 0.22 (0.12) 0.38 (0.06)""",
}


# Menon et al. (2022); λ is not stated there, eq. 7 weighs the critic by 1.
PAPER = {
    ("Table 2", "omniglot-pixelcnn"): """
        none   89.41 (.04) 1.51 (.05) 1.43 (.07) 3.0 (.0)
        self   89.18 (.04) 6.30 (.12) 3.75 (.04) 11.0 (1.0)
        hybrid 89.16 (.04) 6.41 (.15) 3.78 (.03) 13.0 (.7)
        neural 89.24 (.05) 7.66 (.14) 3.82 (.04) 28.0 (.0)""",
    ("Table 1", "yahoo-lstm-paper"): """
        none   328.9 (.1) 0.0 (0.0)  0.0 (0.0) 0.0 (0.0)
        self   328.7 (.2) 3.6 (.1)   2.6 (.0)  3.0 (.0)
        hybrid 328.2 (.1) 4.3 (.1)   2.8 (.0)  11.0 (.4)
        neural 338.9 (.4) 17.5 (1.1) 3.3 (.0)  8.0 (1.0)""",
}


def numbers(line):
    """Returns a printed row's critic, and its means with their stds."""
    critic, *values = line.replace("(", "").replace(")", "").split()
    return critic, [*zip(map(float, values[::2]), map(float, values[1::2]), strict=True)]


def printed():
    for (table, track, weight), text in PRINTED.items():
        for line in text.strip().splitlines():
            critic, pairs = numbers(line)
            for metric, (mean, std) in zip(METRICS, pairs, strict=True):
                lambda_ = 0.0 if critic == "none" else float(weight)
                yield table, track, critic, lambda_, metric, mean, std


def of(author):
    return [cell for cell in published() if cell.source.startswith(author)]


def test_the_published_values_are_those_of_the_three_tables():
    found = [
        (cell.table, cell.track, cell.critic, cell.lambda_, cell.metric, cell.mean, cell.std)
        for cell in of("Asokan")
    ]
    assert sorted(found) == sorted(printed())
    assert {(cell.runs, cell.std_kind, cell.objective) for cell in of("Asokan")} == {
        (3, "population", "elbo")
    }


def test_the_papers_values_are_those_of_its_tables():
    rows = {}
    assert {cell.runs for cell in of("Menon")} == {5}
    for cell in of("Menon"):
        row = cell.table, cell.track, cell.critic, cell.lambda_
        rows.setdefault(row, {})[cell.metric] = (cell.mean, cell.std)
    expected = {}
    for table, text in PAPER.items():
        for line in text.strip().splitlines():
            critic, pairs = numbers(line)
            names = ("nll", "kl", "mi_batch", "au")
            expected[*table, critic, float(critic != "none")] = dict(
                zip(names, pairs, strict=True)
            )
    assert rows == expected


@pytest.mark.parametrize(
    ("track", "published_for", "reason"),
    [
        ("yahoo-10k-lstm", "yahoo-lstm", "100,000 texts, here on 9,000"),
        ("yahoo-10k-lstm-small", "yahoo-lstm", "100,000 texts, here on 9,000"),
        ("omniglot-pixelcnn-small", "omniglot-pixelcnn", "on grey drawings; here for 12 epochs"),
    ],
)
def test_smaller_tracks_have_the_values_of_the_whole_ones_and_say_so(track, published_for, reason):
    copies = relations(all_suites()).smaller_copies
    everything = with_copies(published(), copies)

    def values(name):
        return [
            (cell.critic, cell.lambda_, cell.metric, cell.mean, cell.std)
            for cell in everything
            if cell.track == name
        ]

    assert len(values(track)) > 10
    assert values(track) == values(published_for)
    assert not any(cell.differs for cell in everything if cell.track == published_for)
    assert all(reason in cell.differs for cell in everything if cell.track == track)


def test_a_copy_of_a_track_without_published_values_has_none():
    copies = {"mine": SmallerCopy(track="nowhere", differs="all")}
    assert with_copies(published(), copies) == published()


def test_an_information_is_published_with_the_ceiling_that_it_cannot_exceed():
    for cell in published():
        if cell.metric == "report.mi":
            ceiling = float(re.search(r"= ([\d.]+)$", cell.estimator).group(1))
            assert cell.mean <= ceiling


def test_published_tracks_with_a_suite_have_its_recipe():
    tracks = {
        (task.track.name, task.critic, task.lambda_)
        for suite in all_suites()
        for comparison in suite.comparisons
        for task in comparison.tasks()
    }
    names = {name for name, *_ in tracks}
    cells = {(cell.track, cell.critic, cell.lambda_) for cell in published()}
    assert {cell for cell in cells if cell[0] in names} <= tracks


def test_the_benchmarks_folder_holds_suites_beside_the_published_values():
    names = {file.name for file in benchmark_files().iterdir()}
    assert {"published.csv", "paper.toml", "quick.toml", "asokan.toml"} <= names


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("144.09", "many", "line 2: could not convert string to float: 'many'"),
        ("population", "other", "line 2: std_kind is 'other', not one of population"),
        ("track,", "where,", "columns must be track, critic, objective, lambda"),
        (",3,", ",3.5,", "line 2: invalid literal for int"),
        (",3,", ",", "line 2: it has a field too few or too many"),
        (",3,", ",3,4,", "line 2: it has a field too few or too many"),
    ],
)
def test_a_bad_line_is_named(tmp_path, old, new, reason):
    text = (benchmark_files() / "published.csv").read_text(encoding="utf-8")
    (tmp_path / "published.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecordError, match=rf"published\.csv.*{reason}"):
        published(tmp_path)
