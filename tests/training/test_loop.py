"""The training loop: it learns, it repeats, it resumes to the same bits, it says when it fails."""

import dataclasses
import itertools
import math
import os
import pickle

import pytest
import torch
from tiny_runs import QUIET, rows, spec, splits, trained, weights

from fmnbench.architectures.mlp import MLP
from fmnbench.errors import Declined, Diverged
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import architectures
from fmnbench.runs.run import Conditions, build, execute
from fmnbench.training.checkpoint import Checkpoint, Progression
from fmnbench.training.loop import train, validate


def test_trainer_overfits_eight_rows():
    data = dataclasses.replace(splits(), train=rows(8, "train"))
    settings = {"hidden": (64, 64), "latent": 8}
    run = spec(epochs=1000, validate_every=1000, batch_size=8, architecture_settings=settings)
    run = dataclasses.replace(run, objective="beta", objective_settings={"beta": 0.0})
    _, progression = trained(data, run)
    perfect = 3 * math.log(math.pi)  # −log of a normal at its mean: ½ · 6 · log(2π · ½)
    first, last = (progression.curve[place]["reconstruction"] - perfect for place in (0, -1))
    assert 0 < last < first / 100


@pytest.mark.parametrize("critic", ["none", "self", "neural", "hybrid"])
def test_a_run_repeats_bit_for_bit_and_another_seed_differs(critic):
    data = splits()
    first, second = (trained(data, spec(critic)) for _ in range(2))
    assert torch.equal(weights(first[0]), weights(second[0]))
    assert first[1].curve == second[1].curve
    other, _ = trained(data, spec(critic, seed=1))
    assert not torch.equal(weights(first[0]), weights(other))


def test_two_critics_with_one_seed_start_from_the_same_vae_and_see_the_same_rows():
    data = splits()
    plain, neural = (build(spec(critic), data) for critic in ("none", "neural"))
    for ours, theirs in zip(plain.vae.parameters(), neural.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    # at λ = 0 the neural critic only watches: order, noise and hence the VAE stay the same
    plain, _ = trained(data, spec("none", lambda_=0.0))
    neural, _ = trained(data, spec("neural", lambda_=0.0))
    for ours, theirs in zip(plain.vae.parameters(), neural.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_loss_is_objective_plus_lambda_times_critic():
    _, progression = trained(splits(), spec("self", lambda_=7.0))
    for entry in progression.curve:
        parts = entry["reconstruction"] + entry["kl"] + 7.0 * entry["critic"]
        assert entry["loss"] == pytest.approx(parts, rel=1e-5)
        parts = entry["validation.reconstruction"] + entry["validation.kl"]
        parts += 7.0 * entry["validation.critic"]
        assert entry["validation.loss"] == pytest.approx(parts, rel=1e-5)


class Cut(BaseException):
    """Stands for a kill between two epochs."""


@pytest.mark.parametrize("critic", ["none", "self", "neural", "hybrid"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_run_that_is_cut_off_resumes_to_the_same_bits(tmp_path, critic, optimizer):
    data = splits(grey=True)  # the binarisation's stream must be resumed too
    rate = 1e-3 if optimizer == "sgd" else 1e-2
    run = spec(critic, optimizer=optimizer, learning_rate=rate)
    whole, expected = trained(data, run)

    def cut(epoch, entry):
        if epoch == 2:
            raise Cut

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Cut):
        trained(data, run, path, cut)
    resumed, progression = trained(data, run, path)
    assert torch.equal(weights(whole), weights(resumed))
    assert progression.curve == expected.curve
    assert (expected.resumed, progression.resumed) == (0, 1)


def test_training_stops_after_patience_validations_without_improvement():
    # a learning rate of 0 in effect: the validation loss moves by its noise alone
    run = spec(epochs=200, validate_every=2, patience=3, learning_rate=1e-12)
    _, progression = trained(splits(), run)
    assert progression.epoch % 2 == 0
    assert progression.epoch < 200
    bounds = [
        entry["validation.reconstruction"] + entry["validation.kl"]
        for entry in progression.curve
        if "validation.loss" in entry
    ]
    assert min(bounds) == bounds[-4]


def test_validation_happens_every_few_epochs_only():
    _, progression = trained(splits(), spec(epochs=5, validate_every=2))
    assert ["validation.loss" in entry for entry in progression.curve] == [0, 1, 0, 1, 0]


def test_validation_measures_the_information_of_posteriors_that_round_their_samples_away():
    data, run = splits(), spec()
    model = build(run, data)
    with torch.no_grad():
        model.vae.posterior_head.weight[3:].zero_()
        model.vae.posterior_head.bias[3:].fill_(-90.0)
    entry = validate(model, data, run.track, run.seed, 1)
    ceiling = (16 * math.log(16) + 4 * math.log(4)) / 20
    # own densities are sampled: deviation √(3 / 2) a row, 4 standard errors
    assert entry["validation.mi_batch"] == pytest.approx(ceiling, abs=4 * math.sqrt(1.5 / 20))
    assert entry["validation.kl"] == pytest.approx(0.5 * 3 * 90, abs=5)


def test_information_that_float64_cannot_hold_is_nan_and_ends_no_training(registers):
    class Torn(MLP):
        """Posteriors of which float64 holds no two together."""

        def encode(self, x):
            mean = super().encode(x).mean * 10
            each = torch.tensor([80.0, -6000.0]).repeat(len(x))[: len(x), None]
            return DiagonalNormal(mean, each.expand_as(mean))

        def decode(self, z):
            return super().decode(z.clamp(-1, 1))

    architectures.register("torn")(Torn)
    run = spec(architecture="torn", architecture_settings={}, epochs=2)
    run = dataclasses.replace(run, objective="beta", objective_settings={"beta": 0.0})
    _, progression = trained(splits(), run)
    entry = progression.curve[-1]
    assert math.isnan(entry["validation.mi_batch"])
    assert math.isfinite(entry["validation.loss"])


def test_training_terms_are_means_over_rows_also_with_a_short_last_batch():
    # 50 rows in batches of 16 leave one of 2; with frozen weights the mean KL is exact
    data = splits()
    model = build(spec(), data)
    exact = model.vae.encode(data.train).kl_from_standard().sum(1).mean().item()
    run = spec(epochs=1, learning_rate=1e-30)
    progression = train(model, data, run, checkpoint=None, report=QUIET)
    assert progression.curve[0]["kl"] == pytest.approx(exact, rel=1e-5)


def test_a_loss_that_is_not_finite_is_divergence_with_the_curve_so_far():
    data = splits()
    with pytest.raises(Diverged, match="training epoch") as caught:
        trained(data, spec(learning_rate=1e18, epochs=50))
    assert all(entry["loss"] == entry["loss"] for entry in caught.value.curve)


def test_gradient_clipping_bounds_the_step_of_sgd():
    data = dataclasses.replace(splits(), train=rows(16, "train"))
    free = spec(epochs=1, optimizer="sgd", learning_rate=1.0, batch_size=16)
    run = spec(epochs=1, optimizer="sgd", learning_rate=1.0, batch_size=16, gradient_clip=1e-3)
    before = weights(build(run, data))
    clipped, unclipped = (trained(data, each)[0] for each in (run, free))
    assert (weights(clipped) - before).norm().item() == pytest.approx(1e-3, rel=1e-2)
    assert (weights(unclipped) - before).norm().item() > 0.1


def test_an_architecture_declines_rows_of_a_kind_that_it_does_not_take():
    texts = dataclasses.replace(splits(), kind="texts")
    with pytest.raises(Declined, match="mlp takes vectors and images; toy has texts"):
        build(spec(), texts)


def other_shape(path):
    """Leaves a whole checkpoint whose last part does not fit."""
    trained(splits(), spec(epochs=1), path)
    state = torch.load(path, weights_only=True)
    state["parts"]["stopping"] = {"of": "another kind"}
    torch.save(state, path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 nothing of the kind"),
        lambda path: path.write_bytes(pickle.dumps(print)),
        lambda path: torch.save({"weights": torch.zeros(3)}, path),
        lambda path: torch.save([1, 2], path),
        lambda path: (trained(splits(), spec(), path), os.truncate(path, 1000)),
        lambda path: trained(splits(), spec(architecture_settings={"latent": 2}), path),
        other_shape,
    ],
)
def test_what_is_no_checkpoint_of_a_run_is_set_aside_and_the_run_starts_anew(damage, tmp_path):
    path = tmp_path / "checkpoint.pt"
    damage(path)
    given = path.read_bytes()
    again, progression = trained(splits(), spec(), path)
    assert progression.resumed == 0
    assert torch.equal(weights(again), weights(trained(splits(), spec())[0]))
    assert (tmp_path / "checkpoint.pt.unreadable").read_bytes() == given


@pytest.mark.parametrize("lost", [("parts", "stopping"), ("progression", "processor_seconds")])
def test_a_checkpoint_of_an_fmnbench_that_kept_other_things_starts_anew(lost, tmp_path):
    path = tmp_path / "checkpoint.pt"
    whole, _ = trained(splits(), spec(), path)
    state = torch.load(path, weights_only=True)
    part, name = lost
    del state[part][name]
    torch.save(state, path)
    again, progression = trained(splits(), spec(), path)
    assert progression.resumed == 0
    assert torch.equal(weights(whole), weights(again))


def test_seconds_of_the_processor_are_those_of_all_epochs_also_of_a_resumed_run(
    tmp_path, monkeypatch
):
    ticks = itertools.count()
    monkeypatch.setattr("fmnbench.training.loop.time.process_time", lambda: 3.0 * next(ticks))
    path = tmp_path / "checkpoint.pt"
    _, first = trained(splits(), spec(epochs=2), path)
    assert first.processor_seconds == 6.0
    _, resumed = trained(splits(), spec(), path)
    assert (resumed.epoch, resumed.processor_seconds) == (4, 12.0)


def test_a_checkpoint_that_would_run_code_is_not_loaded(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"parts": Progression(), "generators": {}, "progression": {}}, path)
    assert Checkpoint(path=path, parts={}, generators={}).load() == Progression()
    assert not path.exists()


@pytest.mark.parametrize(("precision", "few"), [("float32", False), ("bf16", True)])
def test_products_on_a_gpu_have_few_bits_only_where_a_track_asks_for_it(
    tmp_path, monkeypatch, precision, few
):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not few)
    run = spec(dataset="digits", precision=precision, epochs=1, nll_samples=1)
    assert execute(run, Conditions(), work=tmp_path, report=QUIET).status == "done"
    assert torch.backends.cudnn.allow_tf32 is few


def test_a_critic_with_its_own_learning_rate_moves_by_it_and_the_vae_by_the_tracks():
    data, steps = splits(16), {}
    for own in (1e-2, 1e-4):
        run = dataclasses.replace(
            spec("hybrid", epochs=1, batch_size=16, learning_rate=1e-3),
            critic_settings={"own_learning_rate": own},
        )
        before, (after, _) = build(run, data), trained(data, run)
        for part in ("vae", "critic"):
            pairs = zip(
                before.modules()[part].parameters(),
                after.modules()[part].parameters(),
                strict=True,
            )
            steps[part, own] = max((new - old).abs().max().item() for old, new in pairs)
    # the first step of AdamW moves each weight by its rate; decay adds 1 % of weight times rate
    for own in (1e-2, 1e-4):
        assert steps["critic", own] == pytest.approx(own, rel=0.05)
        assert steps["vae", own] == pytest.approx(1e-3, rel=0.05)
