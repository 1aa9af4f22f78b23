import itertools
import math

import pytest
import torch

from fmnbench.cli.text import lasting
from fmnbench.planning.costs import Cost, recorded_costs, row_key
from fmnbench.planning.plan import Selection, plan, tasks
from fmnbench.records.store import Store
from fmnbench.runs import estimate as module
from fmnbench.runs.estimate import estimate


@pytest.fixture
def store(tmp_path, make_result):
    """Returns a store: of one row runs of 4, 6 and 9 s, one that failed, and another track."""
    store = Store(tmp_path / "records")
    for seed, seconds in enumerate([4.0, 9.0, 6.0]):
        timings = {"metric.nll": 0.5, "metric.best.nll": seconds / 2 - 0.5}
        store.save(make_result(seed=seed, timings=timings, provenance={"seconds": seconds}))
    store.save(make_result(seed=3, status="failed", provenance={"seconds": 99.0}))
    other = {"name": "other"}
    store.save(make_result(track=other, provenance={"seconds": 70.0}))
    return store


def test_a_rows_cost_is_the_median_of_its_done_runs(store, make_result):
    spec = make_result(seed=7).spec
    assert recorded_costs([spec], store, "cpu") == {
        row_key(spec): Cost(run=6.0, nll=3.0, device="a processor")
    }


def test_a_new_row_costs_roughly_what_the_others_of_its_track_do(store, make_result):
    new = make_result(critic="self", lambda_=1.0).spec
    assert recorded_costs([new], store, "cpu") == {
        row_key(new): Cost(run=6.0, nll=3.0, rough=True, device="a processor")
    }
    elsewhere = make_result(track={"name": "third"}).spec
    assert recorded_costs([elsewhere], store, "cpu") == {}


def spec_of(**selected):
    rows = tasks(Selection(suites=["quick"], objectives=["elbo"], **selected))
    (spec,) = plan(rows, [0]).specs
    return spec


class Ticking:
    """A clock of which each look takes a second."""

    def __init__(self):
        self.ticks = itertools.count()

    def perf_counter(self):
        return float(next(self.ticks))


@pytest.mark.parametrize(
    ("dataset", "critic"), [("digits", "none"), ("digits", "self"), ("toy", "none")]
)
def test_the_estimate_is_the_sum_of_all_steps_of_a_run(dataset, critic, monkeypatch):
    monkeypatch.setattr(module, "time", Ticking())
    spec = spec_of(datasets=[dataset], critics=[critic])
    splits, _ = module.load(spec, torch.device("cpu"))
    track, size = spec.track, spec.track.batch_size
    # each step, batch, sample for 256 rows and block of 64 draws takes one tick, so does loading
    steps = math.ceil(len(splits.train) / size) * track.epochs
    checks = math.ceil(len(splits.validation) / size) * (track.epochs // track.validate_every)
    blocks = math.ceil(len(splits.test) / 64)
    samples = len(splits.test) / min(256, len(splits.test))
    found = estimate(spec, device="cpu", threads=torch.get_num_threads())
    assert found.nll == pytest.approx(samples * 2 * track.nll_samples)
    # after the last epoch and after a better one
    likelihoods = 2 * track.nll_samples + 50 * track.report_metrics
    total = 1 + steps + checks + blocks + samples * likelihoods
    assert (found.run, found.rough) == (pytest.approx(total), True)


def test_work_is_done_in_growing_shares_until_it_takes_a_second(monkeypatch):
    now, shares = [0.0], []

    class Clock:
        def perf_counter(self):
            return now[0]

    def work(count):
        shares.append(count)
        now[0] += 0.3 * count

    monkeypatch.setattr(module, "time", Clock())
    assert module._seconds(work, 100, 1.0) == pytest.approx(0.3)
    assert shares == [1, 1, 2, 4]
    shares.clear()
    assert module._seconds(work, 3, 1.0) == pytest.approx(0.3)
    assert shares == [1, 1, 2, 3]


def test_an_estimate_leaves_the_global_generator_alone():
    spec = spec_of(datasets=["digits"], critics=["none"])
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENOUGH", 0.01)
        estimate(spec, device="cpu", threads=torch.get_num_threads())
    assert torch.rand(3).equal(expected)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120.0, "2 min"),
        (2767.0, "46 min"),
        (6700.0, "110 min"),
        (7200.0, "2 h"),
        (45_000.0, "12 h"),
        (86_400.0, "24 h"),
        (752_271.0, "8.7 days"),
    ],
)
def test_how_long_something_lasts(seconds, text):
    assert lasting(seconds) == text
