import dataclasses
import math

import pytest

from fmnbench.errors import UsageError
from fmnbench.planning.plan import METRICS_VERSION, Selection, plan, resolve, tasks
from fmnbench.registry import critics
from fmnbench.spec import KEY_LENGTH, RunSpec, Task, Track, added_fields, digest

DIGITS = Selection(suites=["quick"], datasets=["digits"])


def rows_of(**fields):
    return tasks(dataclasses.replace(DIGITS, **fields))


def named(rows):
    return [(row.critic, row.objective, row.lambda_) for row in rows]


def test_a_spec_holds_nothing_of_device_jobs_or_executor():
    (row,) = rows_of(critics=["self"])
    text = repr(resolve(row, 0))
    assert not any(word in text for word in ("device", "jobs", "threads", "executor", "cpu"))


def test_a_whole_number_and_its_float_give_one_key():
    keys = set()
    for text in ("temperature=2", "temperature=2.0", "critic.temperature=2e0"):
        (row,) = rows_of(critics=["self"], settings=[text])
        keys.add(resolve(row, 0).key)
    assert len(keys) == 1


def test_every_default_is_filled_in_before_a_run_is_hashed():
    (row,) = rows_of(critics=["self"])
    spec = resolve(row, 3)
    assert spec.critic_settings == {"temperature": 1.0, "direction": "x"}
    assert spec.track.dataset_settings == {"binary": True}
    hidden = spec.track.architecture_settings
    assert hidden == {"hidden": (128, 64), "latent": 8, "likelihood": "bernoulli", "variance": 0.5}
    assert (spec.seed, spec.lambda_, spec.objective) == (3, 1.0, "elbo")
    kinds = {"dataset", "architecture", "critic", "objective", "metrics", "training"}
    assert set(spec.versions) == kinds
    assert spec.versions["metrics"] == METRICS_VERSION
    assert spec.task == dataclasses.replace(
        row, track=spec.track, critic_settings=spec.critic_settings
    )
    fields = dataclasses.asdict(spec)
    for name in added_fields(Track):  # came after the first records
        del fields["track"][name]
    for name in added_fields(RunSpec):
        del fields[name]
    del fields["track"]["report_metrics"]  # moves no number
    assert spec.key == digest(fields)[:KEY_LENGTH]


def test_a_critic_in_a_bf16_track_has_a_version_of_its_own_and_no_other_run_has():
    versions = {}
    for precision in ("float32", "float64", "bf16"):
        for row in rows_of(critics=["none", "self"], precision=precision):
            versions[precision, row.critic] = resolve(row, 0).versions
    same = versions["float32", "self"]
    assert versions["bf16", "self"] == {**same, "critic": same["critic"] + "+float32"}
    del versions["bf16", "self"]
    assert all(each == same for each in versions.values())


def test_selections_filter_tracks_and_replace_methods():
    everything = tasks(Selection())
    assert {row.track.name for row in everything} >= {"digits-mlp", "toy-linear", "toy-mlp"}
    quick = tasks(Selection(suites=["quick"]))
    tracks = {row.track.name for row in quick}
    assert tracks == {"digits-mlp", "toy-linear", "linear-spectrum", "synthetic-text-lstm"}
    assert [row for row in everything if row.track.name in tracks] == quick
    linear = tasks(Selection(architectures=["linear-gaussian"]))
    assert {row.track.name for row in linear} == {"toy-linear", "linear-spectrum"}
    toy = tasks(Selection(datasets=["toy"], architectures=["mlp"]))
    assert {row.track.name for row in toy} == {"toy-mlp"}
    small = tasks(Selection(tracks=["yahoo-10k-lstm-small", "toy-mlp"], datasets=["yahoo-10k"]))
    name = "yahoo-10k-lstm-small"
    assert {row.track.name for row in small} == {name, f"{name}-latent-free"}
    assert named(rows_of(critics=["none", "self"], lambdas=[0.5, 2.0])) == [
        ("none", "elbo", 0.0),
        ("self", "elbo", 0.5),
        ("self", "elbo", 2.0),
    ]
    assert named(rows_of(critics=["self"], objectives=["beta"])) == [("self", "beta", 1.0)]
    assert named(rows_of(objectives=["beta"]))[0] == ("none", "beta", 0.0)


@pytest.mark.parametrize(
    "chosen", [{"tracks": ["yahoo-10k-lstm-latent-free"]}, {"architectures": ["lstm-lm"]}]
)
def test_a_latent_free_reference_can_be_chosen_alone(chosen):
    rows = tasks(Selection(suites=["asokan"], **chosen))
    assert {row.track.architecture for row in rows} == {"lstm-lm"}
    assert "yahoo-10k-lstm-latent-free" in {row.track.name for row in rows}
    assert len(rows) == (1 if "tracks" in chosen else len({row.track.name for row in rows}))


def test_a_reference_has_no_critic_and_a_wrong_name_is_told_the_nearest():
    name = "yahoo-10k-lstm-latent-free"
    with pytest.raises(UsageError, match=f"^No track of asokan has {name}, self, λ=2. There"):
        tasks(Selection(suites=["asokan"], tracks=[name], critics=["self"], lambdas=[2.0]))
    with pytest.raises(UsageError, match=f"^Unknown track '{name}e'. Did you mean '{name}'"):
        tasks(Selection(suites=["asokan"], tracks=[f"{name}e"]))


def test_a_row_that_two_selections_name_is_planned_once():
    rows = rows_of(suites=["quick", "quick"], critics=["none", "none"], objectives=["elbo"])
    assert named(rows) == [("none", "elbo", 0.0)]


def test_a_change_of_the_track_changes_its_name_and_one_of_a_method_only_its_row():
    (row,) = rows_of(critics=["self"], objectives=["elbo"], epochs=1, precision="bf16")
    assert row.track.name == "digits-mlp+epochs=1+precision=bf16"
    assert (row.track.epochs, row.track.precision) == (1, "bf16")
    assert row.critic_settings == {}
    settings = ["hidden=[32, 16]", "dataset.binary=false", "learning_rate=1e-2"]
    (row,) = rows_of(critics=["self"], settings=settings)
    assert row.track.name == "digits-mlp+binary=False+hidden=32,16+learning_rate=0.01"
    assert row.track.architecture_settings["hidden"] == (32, 16)
    assert row.track.architecture_settings["latent"] == 8
    assert (row.track.dataset_settings, row.track.learning_rate) == ({"binary": False}, 0.01)
    for text in ("temperature=0.5", "critic.temperature=0.5"):
        (row,) = rows_of(critics=["self"], settings=[text])
        assert row.track.name == "digits-mlp"
        assert row.critic_settings == {"temperature": 0.5}


def test_the_order_of_overrides_does_not_matter_and_the_last_of_a_kind_counts():
    one = rows_of(settings=["latent=4", "epochs=2"])
    two = rows_of(settings=["latent=9", "latent=4"], epochs=2)
    assert one == two
    assert one[0].track.name == "digits-mlp+epochs=2+latent=4"


def test_an_override_with_the_value_in_force_leaves_the_track_as_it_is():
    settings = ["variance=0.5", "hidden=[128, 64]", "binary=true"]
    assert rows_of(settings=settings, epochs=60, precision="float32") == rows_of()


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["variance=2", "variance=2.0", "variance=2e0", "variance=+2.0"], "+variance=2"),
        (["variance=0.250", "architecture.variance=25e-2"], "+variance=0.25"),
        (["learning_rate=1", "learning_rate=1.0"], "+learning_rate=1"),
        (["learning_rate=1e16", "learning_rate=1E+16"], "+learning_rate=1e16"),
        (["weight_decay=-0.0", "weight_decay=0", "weight_decay=0.0"], ""),
        (["variance=0.5", "variance=5e-1", "hidden=[128, 64]", "learning_rate=0.001"], ""),
        (["beta=0.2", "objective.beta=2e-1"], ""),
    ],
)
def test_one_value_is_one_track_and_one_key_however_it_is_written(texts, name):
    found = [rows_of(settings=[text], objectives=["beta"]) for text in texts]
    assert all(rows == found[0] for rows in found)
    assert found[0][0].track.name == f"digits-mlp{name}"
    assert len({resolve(rows[0], 0).key for rows in found}) == 1
    assert (found[0] == rows_of(objectives=["beta"])) == (name == "")


def test_a_method_setting_equal_to_its_default_changes_no_row():
    chosen = {"critics": ["self"], "objectives": ["elbo"]}
    assert rows_of(**chosen, settings=["temperature=1"]) == rows_of(**chosen)
    (row,) = rows_of(**chosen, settings=["temperature=2"])
    assert repr(row.critic_settings["temperature"]) == "2.0"


@pytest.mark.parametrize("zero", [-0.0, 0.0])
def test_a_weight_of_minus_zero_is_zero(zero):
    rows = rows_of(critics=["self"], lambdas=[zero, 0.0])
    assert [math.copysign(1.0, row.lambda_) for row in rows] == [1.0]
    spec = resolve(dataclasses.replace(rows[0], lambda_=zero), 0)
    assert spec.key == resolve(rows[0], 0).key


def test_a_minus_zero_in_a_suite_file_is_zero(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        'title = "T"\ncitation = "C"\n[[tracks]]\nname = "d"\ndataset = "digits"\n'
        'architecture = "mlp"\nepochs = 1\nbatch_size = 64\nlearning_rate = 1e-3\n'
        'critics = ["self"]\nlambda = [-0.0]\nweight_decay = -0.0\n'
        "critic_settings.self = { temperature = -0.0 }\n"
    )
    (row,) = tasks(Selection(suites=[str(path)]))
    zeros = (row.lambda_, row.track.weight_decay, row.critic_settings["temperature"])
    assert [math.copysign(1.0, zero) for zero in zeros] == [1.0] * 3


def test_a_method_setting_applies_to_the_rows_that_have_it():
    rows = rows_of(settings=["beta=0.7", "critic.temperature=3"])
    found = {(row.critic, row.objective): row for row in rows}
    assert found["none", "beta"].objective_settings == {"beta": 0.7}
    assert found["none", "elbo"].objective_settings == {}
    assert found["self", "elbo"].critic_settings == {"temperature": 3}
    assert found["neural", "elbo"].critic_settings["temperature"] == 3
    assert found["none", "elbo"].critic_settings == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["epoch=3"], "^Unknown setting 'epoch'. Did you mean 'epochs'"),
        (["critic.temprature=3"], "^Unknown setting 'critic.temprature'. .* 'critic.temperature'"),
        (["beta.beta=3"], "^Unknown setting 'beta.beta'. Did you mean 'objective.beta'"),
        (["name=mine"], "^Unknown setting 'name'"),
        (["epochs"], r"^--set takes key=value, not 'epochs'\.$"),
        (["=3"], r"^--set takes key=value, not '=3'\.$"),
        (["epochs=many"], "^epochs is 'many': .* valid integer"),
        (["epochs=2.0"], "^epochs is '2': .* valid integer"),
        (["epochs=true"], "^epochs is 'True': .* valid integer"),
        (["epochs=0"], "^epochs is '0': .* must be above 0"),
        (["length_pool=0"], "^length_pool is '0': .* must be above 0"),
        (["learning_rate=nan"], r"^--set learning_rate is 'nan'; it must be finite\.$"),
        (["hidden=[1, inf]"], r"^--set hidden is '\[1, inf\]'; it must be finite\.$"),
        (["precision=int8"], "^precision is 'int8': .* 'float32', 'float64' or 'bf16'"),
    ],
)
def test_an_override_that_fits_nothing_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        rows_of(settings=settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["temperature=hot"], "'digits-mlp': temperature of critic 'self' is 'hot': .* number"),
        (["hidden=wide"], "'digits-mlp': hidden of architecture 'mlp' is 'wide': .* tuple"),
        (["likelihood=poisson"], "likelihood of architecture 'mlp' is 'poisson': .* 'gaussian'"),
        (["binary=3"], "binary of dataset 'digits' is 3: .* boolean"),
    ],
)
def test_a_value_of_the_wrong_type_stops_the_plan_and_names_the_track(settings, message):
    with pytest.raises(UsageError, match=f"^Track .*{message}"):
        plan(rows_of(critics=["self"], settings=settings), [0])


def test_a_bare_name_that_two_components_have_is_ambiguous(registers):
    @critics.register("warm")
    class Warm:
        """Has a setting that an objective has too."""

        def __init__(self, vae, *, beta: float = 1.0):
            pass

    chosen = {"critics": ["warm"], "objectives": ["beta"]}
    with pytest.raises(
        UsageError, match=r"^--set beta is ambiguous: critic.beta, objective.beta\.$"
    ):
        rows_of(**chosen, settings=["beta=3"])
    (row,) = rows_of(**chosen, settings=["critic.beta=3"])
    assert (row.critic_settings, row.objective_settings) == ({"beta": 3}, {"beta": 0.2})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"critics": ["slef"]}, "Unknown critic 'slef'. Did you mean 'self'"),
        ({"tracks": ["digits"]}, "Unknown track 'digits'. Did you mean 'digits-mlp'"),
        ({"tracks": ["toy-linear"]}, "No track of quick has toy-linear, digits."),
        ({"datasets": ["digit"]}, "Unknown dataset 'digit'. Did you mean 'digits'"),
        ({"objectives": ["elbow"]}, "Unknown remedy 'elbow'. Did you mean 'elbo'"),
        ({"suites": ["qick"]}, "Unknown suite 'qick'. Did you mean 'quick'"),
        ({"lambdas": [-1.0]}, "λ is -1.0; it must be 0 or above"),
        ({"architectures": ["linear-gaussian"]}, "No track of quick has digits, linear-gaussian."),
    ],
)
def test_a_selection_that_names_nothing_is_refused(fields, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        rows_of(**fields)


def test_a_broken_component_costs_its_rows_only(registers, tmp_path):
    entry = critics.entry("self")
    critics._entries["self"] = dataclasses.replace(entry, broken="no GPU")
    made = plan(rows_of(critics=["none", "self"], objectives=["elbo"]), [0, 1])
    assert [(spec.critic, spec.seed) for spec in made.specs] == [("none", 0), ("none", 1)]
    assert made.problems == ("The critic 'self' is broken: no GPU",)
    with pytest.raises(UsageError, match=r"^The critic 'self' is broken: no GPU$"):
        plan(rows_of(critics=["self"]), [0])
    (row,) = rows_of(critics=["none", "self"], objectives=["elbo"], epochs=1)[:1]
    assert row.track.epochs == 1


def test_two_suites_may_not_give_one_track_two_meanings(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(
        'title = "T"\ncitation = "C"\n[[tracks]]\nname = "digits-mlp"\ndataset = "digits"\n'
        'architecture = "mlp"\nepochs = 1\nbatch_size = 64\nlearning_rate = 1e-3\n'
        'critics = ["none"]\n'
    )
    with pytest.raises(UsageError, match="give the track 'digits-mlp' different settings"):
        tasks(Selection(suites=["quick", str(path)]))


def test_a_dataset_that_refuses_its_setting_is_one_line_with_the_track():
    rows = tasks(Selection(datasets=["toy"], critics=["none"], settings=["rows_per_class=-1"]))
    message = "^Track '.*rows_per_class=-1': rows_per_class is -1; it must be 2 or above"
    with pytest.raises(UsageError, match=message):
        plan(rows, [0])


def test_the_seeds_of_a_row_differ_in_nothing_else():
    (row,) = rows_of(critics=["self"])
    specs = plan([row], [0, 5]).specs
    assert [spec.seed for spec in specs] == [0, 5]
    assert dataclasses.replace(specs[1], seed=0) == specs[0] == resolve(row, 0)
    assert isinstance(row, Task)
