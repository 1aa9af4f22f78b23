"""The front and the choice: known optima of made-up numbers, and what is never chosen."""

import dataclasses

import pytest
from made_up_runs import BEST, PLAIN, PROVENANCE, information, nll, numbers

from fmnbench.errors import UsageError
from fmnbench.spec import Result
from fmnbench.tune.choice import choose, front_of
from fmnbench.tune.goals import goal_of
from fmnbench.tune.trials import Trial, baseline_of, trials_of

WEIGHTS = [0.1, 0.5, 1.0, 2.0, 5.0, 11.9, 12.0, 22.3, 22.4, 60.0]


def record(spec, **metrics):
    made = dataclasses.replace(PROVENANCE, started=f"2026-01-01T{spec.lambda_:09.3f}")
    return Result(spec=spec, status="done", metrics=numbers(spec) | metrics, provenance=made)


def finished(study, change=lambda spec: {}, weights=WEIGHTS):
    specs = [spec for weight in weights for spec in study.specs({"lambda": weight})]
    results = [record(spec, **change(spec)) for spec in (*study.baseline, *specs)]
    by_key = {result.spec.key: result for result in results}
    return baseline_of(study, by_key), trials_of(study, results)


def chosen(study, change=lambda spec: {}, **more):
    found = choose(study, *finished(study, change, **more))
    return None if found.trial is None else found.trial.values["lambda"]


@pytest.mark.parametrize(
    ("goal", "weight"),
    [
        ("nll", BEST),
        ("front", 11.9),  # log10(λ / 2)² = 0.1 + 0.5 at λ = 11.90
        ("mi s.t. nll <= vae + 1.0", 22.3),  # 0.1 + 1.0 at 22.38
        ("mi s.t. nll <= vae + 0", 2.0),  # 0.1 at 4.14
    ],
)
def test_the_choice_of_each_goal_is_the_known_optimum(define, goal, weight):
    study = define(goal=goal)
    assert chosen(study) == weight
    assert chosen(study, weights=WEIGHTS[::-1]) == weight


def test_the_front_has_the_trials_that_none_beats_in_both_numbers(define):
    _, trials = finished(define())
    front = [trial.values["lambda"] for trial in front_of(trials)]
    assert front == [weight for weight in WEIGHTS if weight >= BEST]


def test_a_trial_that_learned_nothing_or_ignores_z_is_never_chosen(define):
    study = define()
    for bad in ({"nll": 250.0, "reference.nll": 200.0}, {"z_dependence": 1e-4}):
        assert chosen(study, lambda spec, bad=bad: bad if spec.lambda_ == 11.9 else {}) == 5.0
        assert chosen(study, lambda spec, bad=bad: bad if spec.lambda_ else {}) is None


def test_a_trial_at_the_ceiling_is_chosen_only_where_no_other_qualifies(define):
    study = define()
    assert chosen(study, lambda spec: {"mi_ceiling": 2.6} if spec.lambda_ > 5 else {}) == 5.0
    assert chosen(study, lambda spec: {"mi_ceiling": spec.lambda_ and 1e-3}) == 11.9


def test_nothing_is_chosen_where_every_trial_costs_too_much_and_the_reason_says_so(define):
    study = define()
    plain, trials = finished(study, lambda spec: {"nll": 120.0} if spec.lambda_ else {})
    found = choose(study, plain, trials)
    assert found.trial is None
    assert "at most 100.60, the plain VAE's + 0.5; the lowest is 120.00" in found.reason
    for missing in (None, Trial(values={}, results={0: failed(study.baseline[0])})):
        assert "the plain VAE" in choose(study, missing, trials).reason
        assert choose(study, missing, trials).trial is None


def failed(spec):
    return dataclasses.replace(record(spec), status="failed", metrics={}, error="x")


def test_the_margin_of_texts_is_one_nat(define):
    assert chosen(define(), lambda spec: {"ppl": 40.0}) == 22.3


def test_the_mean_over_seeds_decides_and_the_noise_is_what_each_seed_alone_would_choose(define):
    study = define(seeds=2)

    def second_seed_likes_less(spec):
        return {"nll": nll(spec.lambda_) + (spec.seed - study.seeds[0]) * spec.lambda_ / 8}

    found = choose(study, *finished(study, second_seed_likes_less))
    picks = [found.alone[seed]["lambda"] for seed in study.seeds]
    assert (picks, found.trial.values["lambda"]) == ([11.9, 2.0], 5.0)
    assert found.trial.means["nll"] == pytest.approx(nll(5.0) + 5.0 / 16)
    assert choose(define(), *finished(define())).alone == {}


def test_a_trial_counts_once_all_its_seeds_have_a_record(define):
    study = define(seeds=2)
    first, second = study.specs({"lambda": 1.0})
    assert trials_of(study, [record(first)]) == []
    (trial,) = trials_of(study, [record(first), failed(second)])
    assert (trial.status, trial.is_done) == ("failed", False)
    assert trials_of(study, [record(dataclasses.replace(first, seed=0)), record(second)]) == []


@pytest.mark.parametrize("text", ["mi", "nll <= 3", "mi s.t. nll <= vae + -1", "fronts"])
def test_an_unknown_goal_is_refused(text):
    with pytest.raises(UsageError, match="it must be front, nll or"):
        goal_of(text)
    assert str(goal_of("mi s.t. nll<=vae+2.5")) == "mi s.t. nll <= vae + 2.5"


def test_the_numbers_of_the_made_up_runs_are_what_these_tests_rest_on():
    assert nll(12.0) > PLAIN + 0.5 > nll(11.9)
    assert nll(22.4) > PLAIN + 1.0 > nll(22.3)
    assert information(11.9) < information(12.0)
