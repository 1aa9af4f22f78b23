from pathlib import Path

import pytest

from fmnbench.board import Relations, SmallerCopy
from fmnbench.errors import UsageError
from fmnbench.planning.suite import relations
from fmnbench.planning.suite_file import all_suites, load_suite
from fmnbench.registry import critics

OWN = """
title = "Mine"
citation = "nobody"

[[tracks]]
name = "d"
dataset = "digits"
architecture = "mlp"
architecture_settings = { hidden = [64], latent = 2 }
epochs = 1
batch_size = 64
learning_rate = 1e-3
critics = ["none", "self"]
objectives = ["elbo", "beta"]
objective_settings.beta = { beta = 0.25 }
critic_settings.self = { temperature = 2 }
lambda = [1, 5.5]
"""
SETTING = "it must be a number, a text, true, false or a list of one kind of these, not"
POSITIVE = "it must be above 0."
FREE = 'latent_free = { architecture = "linear-gaussian", architecture_settings = { latent = 1 } }'
GUESS = {
    (
        "title =",
        "titel =",
    ): "own.toml: Unknown key 'titel'. Did you mean 'title'? Known: citation, ",
    ("[[tracks", "[[track"): "own.toml: Unknown key 'track'. Did you mean 'tracks'?",
    ("epochs =", "epoch ="): "track 'd' of own.toml: Unknown key 'epoch'. Did you mean 'epochs'?",
    ('"self"]', '"slef"]'): "track 'd' of own.toml: Unknown critic 'slef'. Did you mean 'self'?",
    ("gs.self", "gs.sef"): "track 'd' of own.toml: Unknown critic 'sef'. Did you mean 'self'?",
    (
        '"beta"]',
        '"bata"]',
    ): "track 'd' of own.toml: Unknown remedy 'bata'. Did you mean 'beta'?",
    (
        "[1, 5.5]",
        '1\nrows = [{ remedy = "elbow" }]',
    ): "track 'd' of own.toml: Unknown remedy 'elbow'. Did you mean 'elbo'?",
    (
        "[1, 5.5]",
        "1\nrows = [{ setting = 3 }]",
    ): "track 'd' of own.toml: rows: Unknown key 'setting'. Did you mean 'settings'?",
    ("gs.beta", "gs.bta"): "track 'd' of own.toml: Unknown remedy 'bta'. Did you mean 'beta'?",
    (
        '"digits"',
        '"digit"',
    ): "track 'd' of own.toml: Unknown dataset 'digit'. Did you mean 'digits",
    ('"mlp"', '"mpl"'): "track 'd' of own.toml: Unknown architecture 'mpl'. Did you mean 'mlp'?",
}
WRONG = {
    ('title = "Mine"', ""): "own.toml has no 'title'.",
    ('"Mine"', "3"): "own.toml: title must be a text.",
    ("[[tracks]]", "[tracks]"): "own.toml: tracks must be a list of tables, [[tracks]].",
    ('name = "d"', ""): "track '.' of own.toml: name: it is missing.",
    ("epochs = 1", ""): "track 'd' of own.toml: epochs: it is missing.",
    ("epochs = 1", "epochs = 0"): f"of own.toml: epochs of track 'd' is 0; {POSITIVE}",
    ("1e-3", "-0.5"): f"of own.toml: learning_rate of track 'd' is -0.5; {POSITIVE}",
    ("1e-3", "inf"): "track 'd' of own.toml: learning_rate is inf; numbers must be finite.",
    ("epochs = 1", 'epochs = "many"'): "track 'd' of own.toml: epochs: .* valid integer.*'many'.",
    ("epochs = 1", "epochs = true"): "of own.toml: epochs must be a number, not true.",
    ("epochs = 1", "epochs = 1.5"): "track 'd' of own.toml: epochs: .* valid integer.*1.5.",
    ("[1, 5.5]", "-1"): "track 'd' of own.toml: lambda is -1; it must be 0 or above.",
    ("[1, 5.5]", "[1, -2.5]"): "track 'd' of own.toml: lambda is -2.5; it must be 0 or above.",
    ("[1, 5.5]", "nan"): "track 'd' of own.toml: lambda is nan; numbers must be finite.",
    ("[1, 5.5]", '"x"'): "'d' of own.toml: lambda: it must be a number or a list of .* not 'x'.",
    ("[1, 5.5]", "1\nrows = 3"): "track 'd' of own.toml: rows must be a list of tables.",
    (
        "[1, 5.5]",
        "1\nrows = [{ lambda = -1 }]",
    ): "of own.toml: lambda is -1; it must be 0 or above.",
    ("lambda = [1, 5.5]", ""): "track 'd' of own.toml: it has critics but no 'lambda', their .*.",
    ("[1, 5.5]", "[]"): "track 'd' of own.toml: it has critics but no 'lambda', their weight.",
    ('["none", "self"]', '"al"'): "critics: it must be \"all\" or a list of names, not 'al'.",
    ('["none", "self"]', "[3]"): 'critics: it must be "all" or a list of names, not 3.',
    ('["none", "self"]', "[]"): "'d' of own.toml: critics and remedies must name at least one.*",
    ("[64]", "{ a = 1 }"): f"own.toml: architecture_settings.hidden: {SETTING} .*",
    ("e = 2 }", "e = {} }"): f"own.toml: critic_settings.self.temperature: {SETTING} .*",
    ("epochs = 1", "epochs = "): "own.toml is not valid TOML: .* line 10, .*",
}


@pytest.fixture
def own(tmp_path):
    """Returns a function that writes a suite file with one part of OWN replaced."""

    def write(old="", new=""):
        assert old in OWN
        path = tmp_path / "own.toml"
        path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
        return str(path)

    return write


def test_shipped_suites_load_and_name_every_track_once():
    suites = all_suites()
    assert {"asokan", "quick"} <= {suite.name for suite in suites}
    tracks = [comparison.track.name for suite in suites for comparison in suite.comparisons]
    assert {"digits-mlp", "toy-linear", "toy-mlp"} <= set(tracks)
    assert len(set(tracks)) == len(tracks)
    assert all(suite.title and suite.citation for suite in suites)


def test_a_former_name_of_a_suite_means_the_suite():
    assert load_suite("report") == load_suite("asokan")
    with pytest.raises(UsageError, match=r"Known: asokan, paper, quick\."):
        load_suite("nothing")


def test_the_suite_of_the_project_report_holds_the_recipe_of_its_first_table():
    comparison = load_suite("asokan").comparisons[0]
    track = comparison.track
    assert (track.epochs, track.batch_size, track.precision) == (30, 1024, "float64")
    assert (track.optimizer, track.learning_rate, track.weight_decay) == ("adamw", 2e-4, 0.01)
    assert (track.validate_every, track.patience) == (3, 5)
    settings = {"hidden": (8,), "latent": 4, "likelihood": "gaussian", "variance": 0.5}
    assert track.architecture_settings == settings
    rows = [(task.critic, task.lambda_) for task in comparison.tasks()]
    assert rows == [("none", 0.0), ("self", 20.0), ("neural", 20.0)]


def test_a_path_to_a_file_is_a_suite_with_the_files_name(own):
    suite = load_suite(own())
    assert (suite.name, suite.title, suite.citation) == ("own", "Mine", "nobody")
    (comparison,) = suite.comparisons
    assert comparison.track.architecture_settings == {"hidden": (64,), "latent": 2}
    rows = [
        (task.critic, task.lambda_, task.objective, dict(task.objective_settings))
        for task in comparison.tasks()
    ]
    assert rows == [
        ("none", 0.0, "elbo", {}),
        ("self", 1.0, "elbo", {}),
        ("self", 5.5, "elbo", {}),
        ("none", 0.0, "beta", {"beta": 0.25}),
    ]
    (settings,) = {task.critic_settings["temperature"] for task in comparison.tasks(["self"])}
    assert settings == 2


ROWS = """
rows = [
    { critic = "self", remedy = "free-bits", settings = { target = 6.0 } },
    { remedy = "beta", settings = { beta = 0.2 } },
    { remedy = "beta", settings = { beta = 0.4 } },
    { critic = "neural", lambda = [2, 3], critic_settings = { embedding = 8 } },
]
"""


def names(tasks):
    return [
        (task.critic, task.lambda_, task.objective, dict(task.objective_settings))
        for task in tasks
    ]


def test_rows_follow_and_take_the_place_of_the_combination_with_their_names(own):
    (comparison,) = load_suite(own("lambda = [1, 5.5]", f"lambda = 1{ROWS}")).comparisons
    assert names(comparison.tasks()) == [
        ("none", 0.0, "elbo", {}),
        ("self", 1.0, "elbo", {}),
        ("self", 1.0, "free-bits", {"target": 6.0}),
        ("none", 0.0, "beta", {"beta": 0.2}),
        ("none", 0.0, "beta", {"beta": 0.4}),
        ("neural", 2.0, "elbo", {}),
        ("neural", 3.0, "elbo", {}),
    ]
    assert list(comparison.tasks())[-1].critic_settings == {"embedding": 8}


def test_of_chosen_names_the_rows_with_their_settings_are_taken(own):
    (comparison,) = load_suite(own("lambda = [1, 5.5]", f"lambda = 1{ROWS}")).comparisons
    assert names(comparison.tasks([], ["beta"])) == [
        ("self", 1.0, "beta", {"beta": 0.25}),
        ("none", 0.0, "beta", {"beta": 0.2}),
        ("none", 0.0, "beta", {"beta": 0.4}),
    ]
    assert names(comparison.tasks(["self"], ["free-bits"], [9.0])) == [
        ("self", 9.0, "free-bits", {"target": 6.0})
    ]
    assert names(comparison.tasks(["neural"])) == [
        ("neural", 2.0, "elbo", {}),
        ("neural", 3.0, "elbo", {}),
    ]


def test_rows_alone_need_neither_critics_nor_a_weight(own):
    _, kept = OWN.split("learning_rate = 1e-3\n")
    path = own(kept, 'rows = [{}, { remedy = "bn" }]')
    (comparison,) = load_suite(path).comparisons
    assert names(comparison.tasks()) == [("none", 0.0, "elbo", {}), ("none", 0.0, "bn", {})]


def test_critics_and_objectives_that_are_both_chosen_are_all_combined(own):
    (comparison,) = load_suite(own()).comparisons
    rows = comparison.tasks(["none", "self"], ["beta", "elbo"], [3.0])
    assert [(task.critic, task.objective, task.lambda_) for task in rows] == [
        ("none", "beta", 0.0),
        ("self", "beta", 3.0),
        ("none", "elbo", 0.0),
        ("self", "elbo", 3.0),
    ]


def test_all_critics_are_every_registered_one_the_plain_vae_first(own):
    (comparison,) = load_suite(own('["none", "self"]', '"all"')).comparisons
    others = sorted(set(critics.names()) - {"none"})
    assert list(comparison.critic_names()) == ["none", *others]


@pytest.mark.parametrize(("change", "start"), GUESS.items(), ids=str)
def test_a_typo_is_one_line_with_file_key_and_nearest_guess(change, start, own):
    with pytest.raises(UsageError) as caught:
        load_suite(own(*change))
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("change", "message"), WRONG.items(), ids=str)
def test_a_wrong_value_is_one_line_with_file_key_and_what_is_allowed(change, message, own):
    pattern = message.replace("[[tracks]]", r"\[\[tracks\]\]")
    with pytest.raises(UsageError, match=f"{pattern}$") as caught:
        load_suite(own(*change))
    assert "\n" not in str(caught.value)


def test_two_tracks_of_one_name_are_refused(own):
    track = OWN[OWN.index("[[tracks]]") :]
    with pytest.raises(UsageError, match=r"^own.toml names a track twice: d, d\.$"):
        load_suite(own(track, track * 2))


def test_a_suite_without_critics_needs_no_weight(own):
    path = own()
    text = OWN.replace('["none", "self"]', '["none"]').replace("lambda = [1, 5.5]", "")
    Path(path).write_text(text)
    (comparison,) = load_suite(path).comparisons
    assert [task.objective for task in comparison.tasks()] == ["elbo", "beta"]


def test_an_unknown_suite_gets_the_nearest_guess_and_a_missing_file_its_name():
    with pytest.raises(UsageError, match=r"^Unknown suite 'qick'. Did you mean 'quick'\? Known: "):
        load_suite("qick")
    with pytest.raises(UsageError, match=r"^There is no suite file 'nowhere/own.toml'\.$"):
        load_suite("nowhere/own.toml")


@pytest.mark.parametrize("value", ["9" * 6000, "[" * 3000 + "]" * 3000], ids=["digits", "nested"])
def test_a_number_or_a_nesting_beyond_all_bounds_is_one_line(tmp_path, value):
    path = tmp_path / "own.toml"
    path.write_text(f"x = {value}")
    with pytest.raises(UsageError, match=r"^own.toml is not valid TOML: ") as caught:
        load_suite(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_not_valid_toml(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"^own.toml is not valid TOML: "):
        load_suite(str(path))


def test_the_latent_free_model_is_a_track_of_its_own_with_the_same_recipe(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN + FREE)
    (comparison,) = load_suite(str(path)).comparisons
    model, *others = comparison.tasks()
    assert (model.track.name, model.track.architecture) == ("d-latent-free", "linear-gaussian")
    assert model.track.architecture_settings == {"latent": 1}
    assert (model.critic, model.objective, model.lambda_) == ("none", "elbo", 0.0)
    recipe = ("dataset", "epochs", "batch_size", "learning_rate")
    assert all(getattr(model.track, name) == getattr(others[0].track, name) for name in recipe)
    assert {task.track.name for task in others} == {"d"}
    assert {task.track.name for task in comparison.tasks(chosen_critics=["self"])} == {"d"}


def test_an_unknown_latent_free_architecture_gets_the_nearest_guess(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN + FREE.replace("linear-gaussian", "liner-gaussian"))
    with pytest.raises(UsageError, match=r"Unknown architecture 'liner-gaussian'. Did you mean"):
        load_suite(str(path))


TWICE = OWN + OWN[OWN.index("[[tracks]]") :].replace('"d"', '"e"')
RELATED = {
    'judge = "d"': Relations(judges={"e": "d"}),
    'smaller_copy_of = { track = "d", differs = "why" }': Relations(
        smaller_copies={"e": SmallerCopy(track="d", differs="why")}
    ),
    'smaller_copy_of = { track = "yahoo-lstm", differs = "why" }': Relations(
        smaller_copies={"e": SmallerCopy(track="yahoo-lstm", differs="why")}
    ),
    'latent_free = { name = "bare", architecture = "mlp" }': Relations(latent_free={"e": "bare"}),
    'latent_free = { architecture = "mlp" }': Relations(latent_free={"e": "e-latent-free"}),
    "": Relations(),
}
UNRELATED = {
    'judge = "f"': "judge: Unknown track 'f'. Known: d, e",
    'judge = "e-bernouli"': "judge: Unknown track 'e-bernouli'. Known: d, e",
    'smaller_copy_of = { track = "toy-mpl", differs = "" }': "smaller_copy_of: Unknown track "
    "'toy-mpl'. Did you mean 'toy-mlp'",
    'smaller_copy_of = { differs = "" }': "smaller_copy_of.track: it is missing",
    'smaller_copy_of = { track = "d" }': "smaller_copy_of.differs: it is missing",
    'latent_free = { nme = "x", architecture = "mlp" }': "latent_free: Unknown key 'nme'. Did you "
    "mean 'name'",
    'superseded = { by = "f", reason = "" }': "superseded: Unknown track 'f'. Known: d, e",
    'smaller_copy_of = { trakc = "d" }': "smaller_copy_of: Unknown key 'trakc'. Did you mean "
    "'track'",
}


@pytest.mark.parametrize(("line", "expected"), RELATED.items(), ids=str)
def test_the_relations_between_tracks_are_those_that_the_file_states(tmp_path, line, expected):
    path = tmp_path / "own.toml"
    path.write_text(TWICE + line)
    assert relations([load_suite(str(path))]) == expected


@pytest.mark.parametrize(("line", "message"), UNRELATED.items(), ids=str)
def test_a_relation_to_an_unknown_track_is_one_line(tmp_path, line, message):
    path = tmp_path / "own.toml"
    path.write_text(TWICE + line)
    with pytest.raises(UsageError, match=f"^track 'e' of own.toml: {message}"):
        load_suite(str(path))


def test_a_reference_may_not_have_the_name_of_another_track(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(TWICE + 'latent_free = { name = "d", architecture = "mlp" }')
    with pytest.raises(UsageError, match=r"^own.toml names a track twice: d, e, d\.$"):
        load_suite(str(path))


def test_the_shipped_suites_relate_the_tracks_of_the_committed_records():
    found = relations(all_suites())
    names = ["omniglot-pixelcnn", "omniglot-pixelcnn-small", "yahoo-lstm-paper", "yahoo-lstm"]
    names += ["yahoo-10k-lstm", "yahoo-10k-lstm-small"]
    references = {name: f"{name}-latent-free" for name in names}
    references["omniglot-pixelcnn-small.v2"] = references["omniglot-pixelcnn-small"]
    assert found.latent_free == references
    superseded = {name: each.by for name, each in found.superseded.items()}
    assert superseded == {"omniglot-pixelcnn-small": "omniglot-pixelcnn-small.v2"}
    assert found.judges == {"omniglot-cnn": "omniglot-cnn-bernoulli"}
    copied = {name: copy.track for name, copy in found.smaller_copies.items()}
    assert copied == {
        "omniglot-pixelcnn-small": "omniglot-pixelcnn",
        "omniglot-pixelcnn-small.v2": "omniglot-pixelcnn",
        "yahoo-10k-lstm": "yahoo-lstm",
        "yahoo-10k-lstm-small": "yahoo-lstm",
    }


def test_a_superseded_track_has_no_rows_and_names_the_one_that_replaces_it(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(TWICE + 'superseded = { by = "d", reason = "its data changed" }')
    suite = load_suite(str(path))
    assert {row.track.name for each in suite.comparisons for row in each.tasks()} == {"d"}
    assert relations([suite]).superseded["e"].reason == "its data changed"


def test_a_suite_that_is_not_run_needs_none_of_its_components(own):
    path = own('"digits"', '"elsewhere"')
    with pytest.raises(UsageError, match="Unknown dataset 'elsewhere'"):
        load_suite(path)
    (comparison,) = load_suite(path, for_runs=False).comparisons
    assert {task.track.dataset for task in comparison.tasks()} == {"elsewhere"}
