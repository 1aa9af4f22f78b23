"""The metrics judge the split that an Evaluation is told to judge, and no other one."""

import copy
import dataclasses
import pickle

import pytest
import torch

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.mlp import MLP
from fmnbench.data.vocabulary import END_ID, SPECIALS, START_ID, Vocabulary
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation
from fmnbench.registry import metrics
from fmnbench.rng import isolated, stream

WORDS = 12


def bits(rows, chance, purpose):
    return torch.bernoulli(torch.full((rows, 6), chance), generator=stream(0, purpose))


def texts(rows, purpose):
    x = torch.randint(END_ID + 1, WORDS, (rows, 7), generator=stream(0, purpose))
    x[:, 0], x[:, -1] = START_ID, END_ID
    return x.int()


def vectors():
    with isolated(0, "test/weights"):
        vae = MLP(6, hidden=(8,), latent=2, likelihood="bernoulli")
    splits = Splits(
        train=bits(80, 0.4, "train"),
        validation=bits(40, 0.7, "validation"),
        test=bits(50, 0.3, "test"),
        kind="vectors",
    )
    return vae, splits


def sentences():
    with isolated(0, "test/weights"):
        vae = LSTM(WORDS, embedding=4, hidden=6, latent=2)
    splits = Splits(
        train=texts(80, "train"),
        validation=texts(40, "validation"),
        test=texts(50, "test"),
        kind="texts",
        vocabulary=Vocabulary((*SPECIALS, *(f"w{number}" for number in range(3, WORDS)))),
    )
    return vae, splits


def values(vae, splits, **judged):
    of = Evaluation(vae, splits, seed=3, batch_size=16, nll_samples=4, **judged)
    found = {}
    for name in metrics.names():
        try:
            found[name] = float(metrics.get(name)(of))
        except Declined:
            continue
    return found


@pytest.mark.parametrize("made", [vectors, sentences])
def test_validation_is_judged_as_the_same_rows_would_be_in_the_place_of_the_test_split(made):
    vae, splits = made()
    ours = values(vae, splits, judged="validation")
    swapped = dataclasses.replace(splits, validation=splits.test, test=splits.validation)
    assert ours == values(vae, swapped)
    assert ours == values(vae, swapped, judged="test")
    same = {name for name, value in values(vae, splits).items() if value == ours[name]}
    assert {"nll", "mi_ceiling", "mi_batch_ceiling", "reference.nll"} <= ours.keys() - same


@pytest.mark.parametrize("made", [vectors, sentences])
@pytest.mark.parametrize("judged", ["test", "validation"])
def test_no_metric_looks_at_the_other_held_out_split(made, judged):
    vae, splits = made()
    other = {"test": "validation", "validation": "test"}[judged]
    spoilt = dataclasses.replace(splits, **{other: getattr(splits, other)[:1]})
    assert values(vae, spoilt, judged=judged) == values(vae, splits, judged=judged)


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize("made", [vectors, sentences])
def test_each_metric_of_a_trial_of_tuning_works_without_test_rows_and_none_can_read_them(
    made, name
):
    vae, splits = made()
    metric, kept = metrics.get(name), splits.without_test()

    def value(splits, judged):
        return metric(Evaluation(vae, splits, seed=3, batch_size=16, nll_samples=4, judged=judged))

    try:
        expected = value(splits, "validation")
    except Declined:
        pytest.skip(f"{name} does not apply to these rows")
    assert value(kept, "validation") == expected
    with pytest.raises(AttributeError, match="a trial of tuning has no test rows"):
        value(kept, "test")


def test_splits_without_test_rows_stay_so_when_they_are_moved_copied_or_changed():
    _, splits = vectors()
    kept = splits.without_test()
    for again in (
        kept.to(torch.device("cpu"), torch.float64),
        copy.deepcopy(kept),
        pickle.loads(pickle.dumps(kept)),
        kept.with_rows(train=splits.train[:5]),
        kept.without_test(),
    ):
        assert again.parts == ["train", "validation"]
        assert len(again.validation) == 40
        with pytest.raises(AttributeError, match="no test rows"):
            _ = again.test
    with pytest.raises(AttributeError, match="'Splits' object has no attribute 'tests'"):
        _ = splits.tests
    assert splits.parts == ["train", "validation", "test"]
