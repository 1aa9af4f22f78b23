"""A metric that goes wrong costs its own value alone, and its cause stands in the record."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from fmnbench.datasets.base import Splits
from fmnbench.planning.plan import resolve
from fmnbench.records import schema
from fmnbench.registry import metrics
from fmnbench.rng import stream
from fmnbench.runs.evaluation import Clock, evaluate
from fmnbench.runs.run import build
from fmnbench.spec import Task, Track

TRACK = Track(
    name="tiny",
    dataset="toy",
    architecture="mlp",
    architecture_settings={"hidden": (8,), "latent": 2},
    epochs=1,
    batch_size=8,
    learning_rate=1e-3,
    nll_samples=5,
)
NUMBERS = {
    "np.float32": np.float32(0.5),
    "np.int64": np.int64(2),
    "0-d tensor": torch.tensor(0.25),
    "one value": np.array([1.5]),
    "int": 3,
}
BROKEN = {
    "text": ("much", "TypeError: a metric returns one number, not a str"),
    "two values": (torch.ones(2), "TypeError: a metric returns one number, not a Tensor"),
    "nothing": (None, "TypeError: a metric returns one number, not a NoneType"),
    "nan": (math.nan, "is nan"),
    "infinite": (np.float64("inf"), "is inf"),
}


def evaluated(test_rows=20, log_variance=None, **recipe):
    rows = torch.empty(60, 6).normal_(generator=stream(0, "test/rows"))
    data = Splits(
        train=rows[:30], validation=rows[30:40], test=rows[40 : 40 + test_rows], kind="vectors"
    )
    spec = resolve(Task(track=dataclasses.replace(TRACK, **recipe), critic="none"), 0)
    vae = build(spec, data).vae
    if log_variance is not None:
        with torch.no_grad():
            vae.posterior_head.weight[2:].zero_()
            vae.posterior_head.bias[2:].fill_(log_variance)
    return evaluate(vae, data, spec, Clock())


@pytest.mark.parametrize("value", NUMBERS.values(), ids=NUMBERS)
def test_any_single_number_is_recorded_as_a_float(registers, value):
    metrics.register("odd")(lambda evaluation: value)
    values, broken, *_ = evaluated()
    assert broken == {}
    assert type(values["odd"]) is float
    assert values["odd"] == np.asarray(value).item()


@pytest.mark.parametrize(("value", "cause"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_finite_number_names_its_metric_and_leaves_the_others(registers, value, cause):
    whole = evaluated().values
    metrics.register("odd")(lambda evaluation: value)
    values, broken, *_ = evaluated()
    assert list(broken) == ["odd"]
    assert broken["odd"].startswith(cause)
    assert values == whole


def test_metrics_that_take_more_rows_than_there_are_leave_the_others():
    values, broken, *_ = evaluated(test_rows=4)
    assert set(broken) >= {"density", "coverage"}
    assert "k is 5; with 4 real rows it must be 1 to 3" in broken["density"]
    assert {"nll", "elbo", "kl", "mi_lower"} <= values.keys()


def test_a_metric_that_is_declined_or_breaks_still_has_a_version(registers):
    metrics.register("odd", version=3)(lambda evaluation: None)
    values, broken, versions, *_ = evaluated()
    assert set(versions) == {each for each in metrics.names() if not each.startswith("report.")}
    assert "ppl" not in values.keys() | broken.keys()  # these rows are no texts
    assert (versions["ppl"], versions["nll"]) == ("1", "1")
    assert versions["odd"] == metrics.version("odd")


def test_a_record_keeps_the_causes_and_one_without_them_is_as_before(make_result):
    result = make_result(metrics={"kl": 1.0}, broken={"nll": "is nan"})
    assert schema.parse(schema.dump(result), "it").result == result
    assert b"broken" not in schema.dump(make_result(metrics={"kl": 1.0}))


def test_posteriors_sharper_than_float32_break_no_metric():
    values, broken, *_ = evaluated(log_variance=-90.0)
    assert broken == {}
    assert values["mi_lower"] == values["mi_ceiling"] == pytest.approx(math.log(20))
    # −½ log variance for each of two dimensions is what such a posterior costs
    assert values["kl"] == pytest.approx(90, abs=5)
    assert values["nll"] == pytest.approx(-values["elbo"], abs=5)


def test_posteriors_that_float64_does_not_hold_break_only_the_bound_that_is_infinite():
    values, broken, *_ = evaluated(log_variance=-2000.0)
    assert broken == {"mi_upper": "is inf"}
    assert values["mi_lower"] == pytest.approx(math.log(20))
    assert values["nll"] == pytest.approx(-values["elbo"], abs=5)


def test_the_reports_metrics_are_computed_on_request_and_move_no_other():
    plain = evaluated().values
    both = evaluated(report_metrics=True).values
    assert not [name for name in plain if name.startswith("report.")]
    assert len(both) == len(plain) + 5
    assert plain.items() <= both.items()
