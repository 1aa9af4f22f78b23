"""Which published conclusions hold: hand-made results against hand-made published values."""

import dataclasses

import pytest

from fmnbench.board import boards, with_conclusions
from fmnbench.board.published import Published
from fmnbench.report import Options, render

NAMES = {"report.nll": 150.0, "report.mi": 5.0, "report.au": 4.0}


def value(critic, metric, mean, std=1.0):
    return Published(
        track="toy-mlp",
        critic=critic,
        objective="elbo",
        lambda_=20.0 * (critic != "none"),
        metric=metric,
        mean=mean,
        std=std,
        runs=3,
        std_kind="population",
        source="A paper",
        table="Table 1",
        estimator="",
    )


@pytest.fixture
def concluded(row):
    """Returns the conclusions on a critic, given published values and our differences by seed."""

    def build(published, ours, track=None, seeds=(0, 1, 2), judged_by=()):
        plain = {seed: 100.0 + seed for seed in seeds}
        critic = {seed: plain[seed] + ours[seed] for seed in seeds if seed < len(ours)}
        reported = dict.fromkeys(NAMES, 1.0)
        results = [
            *row(plain, metrics=reported),
            *row(critic, metrics=reported, critic="self", lambda_=20.0),
        ]
        judges = [
            *row(plain, track=track),
            *row(critic, track=track, critic="self", lambda_=20.0),
        ]
        both = results + (judges if track else [])
        standard = boards(both, "standard", seeds=seeds)
        report = boards(results, "as-published", published=published, seeds=seeds)
        (board,) = with_conclusions(report, standard, both, dict(judged_by))
        return board

    return build


BETTER = [value("none", "report.nll", 150.0), value("self", "report.nll", 120.0)]


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([-9.0, -10.0, -11.0], "holds"),
        ([9.0, 10.0, 11.0], "opposite"),
        ([-30.0, 1.0, 20.0], "not seen"),  # t = -0.2
    ],
)
def test_a_conclusion_holds_where_ours_has_its_sign_beyond_the_spread_of_seeds(
    concluded, ours, verdict
):
    (found,) = concluded(BETTER, ours).conclusions
    assert (found.metric, found.definition, found.verdict) == ("report.nll", "nll", verdict)
    assert found.published == -30.0
    assert found.ours == pytest.approx(sum(ours) / 3)


@pytest.mark.parametrize(("theirs", "concludes"), [(148.1, False), (147.9, True), (152.1, True)])
def test_a_published_difference_within_the_two_stds_is_no_conclusion(concluded, theirs, concludes):
    published = [value("none", "report.nll", 150.0), value("self", "report.nll", theirs)]
    assert bool(concluded(published, [-9.0, -10.0, -11.0]).conclusions) is concludes


def test_one_seed_cannot_be_tested_and_the_paragraph_says_so(concluded):
    board = concluded(BETTER, [-9.0], seeds=(0,))
    (found,) = board.conclusions
    assert (found.verdict, found.ours) == ("one seed", -9.0)
    text = render([board], "markdown", Options())
    assert "self λ=20: lower NLL not testable with one seed (-9)." in text


def test_a_row_that_lacks_a_seed_is_not_judged(concluded):
    (found,) = concluded(BETTER, [-9.0, -10.0]).conclusions
    assert (found.verdict, found.ours) == ("not run", None)


def test_the_judge_that_the_suite_names_tests_the_conclusions_where_it_has_a_board(concluded):
    ours = [-9.0, -10.0, -11.0]
    judges = {"toy-mlp": "bits"}
    assert concluded(BETTER, ours, judged_by=judges).conclusions[0].judge == "toy-mlp"
    other = {"name": "toy-mlp-bernoulli"}
    assert concluded(BETTER, ours, track=other, judged_by=judges).conclusions[0].judge == "toy-mlp"
    found = concluded(BETTER, ours, track={"name": "bits"}, judged_by=judges).conclusions[0]
    assert (found.judge, found.verdict) == ("bits", "holds")


def test_p_values_are_corrected_for_the_number_of_conclusions(row):
    # differences of -9, -10, -12.2 have p = 0.008; with nine others that show nothing it is 0.08
    published = [value("none", "report.nll", 150.0)]
    results = row(dict.fromkeys(range(3), 100.0), metrics={"report.nll": 1.0})
    differences = {"self": (-9.0, -10.0, -12.2), "neural": (-20.0, 1.0, 18.0)}
    for count in (1, 9):
        rivals = [20.0] + [21.0 + number for number in range(count)]
        made, said = list(results), list(published)
        for number, weight in enumerate(rivals):
            critic = "self" if number == 0 else "neural"
            deltas = differences[critic]
            made += row(
                {seed: 100.0 + deltas[seed] for seed in range(3)},
                metrics={"report.nll": 1.0},
                critic=critic,
                lambda_=weight,
            )
            said.append(dataclasses.replace(value(critic, "report.nll", 120.0), lambda_=weight))
        (board,) = with_conclusions(
            boards(made, "as-published", published=said), boards(made, "standard"), made, {}
        )
        (first,) = [each for each in board.conclusions if each.label.startswith("self")]
        assert first.verdict == ("holds" if count == 1 else "not seen")


def test_the_paragraph_says_what_holds_and_by_how_much(concluded):
    board = concluded(BETTER, [-9.0, -10.0, -11.0])
    text = render([board], "markdown", Options())
    assert "self λ=20: lower NLL confirmed (-10)." in text
    assert "table toy-mlp; Welch's test" in text
    for published, ours in (([], [-9.0, -10.0, -11.0]), (BETTER, [-9.0, -10.0])):
        text = render([concluded(published, ours)], "markdown", Options())
        assert "Published differences" not in text  # nothing was, or nothing of it is tested


@pytest.mark.parametrize(("version", "verdict"), [("1", "not run"), ("2", "holds")])
def test_values_by_an_older_definition_prove_no_conclusion(row, version, verdict):
    said = [
        value("none", "report.coverage", 0.2, 0.01),
        value("self", "report.coverage", 0.5, 0.01),
    ]
    fields = {
        "metric": "coverage",
        "metrics": {"report.coverage": 0.1},
        "metric_versions": {"coverage": version, "report.coverage": "2"},
        "track": {"dataset": "yahoo-10k"},  # texts: their coverage is of version 2
    }
    made = [
        *row({0: 0.20, 1: 0.21, 2: 0.22}, **fields),
        *row({0: 0.50, 1: 0.51, 2: 0.52}, critic="self", lambda_=20.0, **fields),
    ]
    (board,) = with_conclusions(
        boards(made, "as-published", published=said), boards(made, "standard"), made, {}
    )
    assert [each.verdict for each in board.conclusions] == [verdict]
