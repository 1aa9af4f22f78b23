"""Patience and the plateau rule: on hand-made losses, and in a training that is cut off."""

import dataclasses

import pytest
import torch
from torch import nn

from fmnbench.critics.base import Critic
from fmnbench.datasets.base import Splits
from fmnbench.planning.plan import resolve
from fmnbench.registry import critics
from fmnbench.rng import stream
from fmnbench.runs.run import build
from fmnbench.spec import Task, Track, added_fields
from fmnbench.training.loop import train
from fmnbench.training.stopping import Patience, Plateau

TRACK = Track(
    name="tiny",
    dataset="toy",
    architecture="mlp",
    architecture_settings={"hidden": (8,), "latent": 2},
    epochs=40,
    batch_size=8,
    learning_rate=0.3,
    optimizer="adam",
    plateau=2,
    halvings=3,
)


@pytest.fixture
def rule():
    """Returns a function: settings and losses by epoch, to the rates and weights after each."""

    def run(losses, **settings):
        layer = nn.Linear(1, 1, bias=False)
        optimizer = torch.optim.Adam(layer.parameters(), lr=1.0)
        plateau = Plateau(dataclasses.replace(TRACK, **settings), {"vae": layer}, optimizer)
        seen = []
        for epoch, loss in enumerate(losses, start=1):
            with torch.no_grad():
                layer.weight.fill_(epoch)  # each epoch's weights are its number
            optimizer.state[layer.weight]["step"] = torch.tensor(1.0)
            plateau.note(loss, epoch)
            seen.append((optimizer.param_groups[0]["lr"], layer.weight.item()))
        plateau.restore()
        return seen, layer.weight.item(), plateau.is_over, optimizer

    return run


def test_the_rate_is_halved_from_the_best_weights_after_so_many_losses_that_are_worse(rule):
    seen, best, is_over, _ = rule([5.0, 4.0, 4.1, 4.5, 3.0, 3.1, 3.2])
    assert seen == [(1, 1), (1, 2), (1, 3), (0.5, 2), (0.5, 5), (0.5, 6), (0.25, 5)]
    assert best == 5
    assert not is_over


def test_a_loss_that_is_no_worse_starts_the_count_anew(rule):
    seen, best, _, _ = rule([4.0, 5.0, 4.0, 5.0, 4.0])
    assert [rate for rate, _ in seen] == [1, 1, 1, 1, 1]
    assert best == 1


def test_the_rule_of_he_et_al_halves_once_where_losses_fall_again_after_the_halving(rule):
    # their code sets its reference to the current loss, 333, at the halving after epoch 16
    losses = [*map(float, range(342, 329, -1)), 331.0, 332.0, 333.0, 332.5, 331.5, 331.2, 331.1]
    losses += [331.05, 331.04, 331.03, 331.02]
    seen, best, is_over, _ = rule(losses, plateau=2, plateau_from=15, halvings=5)
    rates = [rate for rate, _ in seen]
    assert rates == [1.0] * 15 + [0.5] * 9
    assert seen[15] == (0.5, 13)  # epoch 16 goes back to the weights of epoch 13
    assert best == 13  # 331.02 is better than the reference, but not than the best
    assert not is_over


def test_nothing_is_halved_in_the_first_epochs(rule):
    seen, _, _, _ = rule([4.0, 5.0, 5.0, 5.0, 5.0, 5.0], plateau_from=5)
    assert [rate for rate, _ in seen] == [1, 1, 1, 1, 1, 0.5]


@pytest.mark.parametrize(("halvings", "over"), [(2, True), (3, False)])
def test_training_is_over_after_the_last_halving(rule, halvings, over):
    assert rule([4.0, 5.0, 5.1, 5.2, 5.3], halvings=halvings)[2] is over


def test_the_optimizers_averages_go_with_the_weights_that_they_belong_to(rule):
    assert rule([4.0, 5.0])[3].state
    assert not rule([4.0, 5.0, 5.0])[3].state


def test_without_a_plateau_the_rule_does_nothing(rule):
    seen, last, is_over, _ = rule([4.0, 5.0, 5.0, 5.0], plateau=None)
    assert seen == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert last == 4
    assert not is_over


def counts(bounds, losses, **settings):
    patience = Patience(dataclasses.replace(TRACK, **settings))
    seen = []
    for bound, loss in zip(bounds, losses, strict=True):
        patience.note(bound, loss)
        seen.append((patience.stale, patience.is_over))
    return seen


def test_patience_watches_the_bound_and_not_what_is_added_to_the_loss():
    bounds, losses = [5.0, 4.0, 3.0, 3.5, 3.0], [5.0, 6.0, 7.0, 6.5, 4.0]
    seen = counts(bounds, losses, patience=2)
    assert seen == [(0, False), (0, False), (0, False), (1, False), (2, True)]
    seen = counts(bounds, losses, patience=2, patience_watches="loss")
    assert seen == [(0, False), (1, False), (2, True), (3, True), (0, False)]


def test_training_goes_on_past_its_lowest_loss_while_the_bound_improves(registers):
    critics.register("rising")(Rising)
    # the loss of validation is lowest after the first epoch
    track = dataclasses.replace(TRACK, plateau=None, patience=2, epochs=8, learning_rate=1e-2)
    ends = []
    for watched in ("bound", "loss"):
        run = resolve(
            Task(
                track=dataclasses.replace(track, patience_watches=watched),
                critic="rising",
                lambda_=1e3,
            ),
            0,
        )
        model = build(run, data())
        ends.append(train(model, data(), run, checkpoint=None, report=lambda *_: None))
    bounds = [
        entry["validation.reconstruction"] + entry["validation.kl"] for entry in ends[0].curve
    ]
    best = 1 + bounds.index(min(bounds))
    assert best > 1
    assert [progression.epoch for progression in ends] == [best + 2, 1 + 2]


class Rising(Critic):
    """A scalar that rises by 1 at each evaluation and teaches nothing."""

    def __init__(self, vae):
        super().__init__(vae)
        self.register_buffer("height", torch.zeros(()))

    def forward(self, x, z, q):
        if not self.training:
            self.height += 1
        return self.height.clone()


def data():
    parts = [torch.empty(n, 4).normal_(generator=stream(0, f"plateau/{n}")) for n in (24, 16, 8)]
    return Splits(train=parts[0], validation=parts[1], test=parts[2], kind="vectors")


def trained(checkpoint=None, report=lambda *_: None):
    run = resolve(Task(track=TRACK, critic="none"), 0)
    model = build(run, data())
    progression = train(model, data(), run, checkpoint=checkpoint, report=report)
    return model, progression


def test_a_training_stops_after_the_last_halving_with_its_best_weights(tmp_path):
    model, progression = trained()
    curve = progression.curve
    assert len(curve) < TRACK.epochs  # at this rate a model of 24 rows soon overfits
    bounds = [entry["validation.reconstruction"] + entry["validation.kl"] for entry in curve]
    best = min(range(len(bounds)), key=bounds.__getitem__)
    assert 0 < best < len(bounds) - 1
    states = []
    again, _ = trained(tmp_path / "c.pt", lambda *_: states.append(None))
    assert len(states) == len(curve)
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_training_that_is_cut_off_between_halvings_goes_on_to_the_same_bits(tmp_path):
    whole, progression = trained()
    for cut in (3, len(progression.curve) - 2):

        def stop(epoch, _, cut=cut):
            if epoch == cut:
                raise KeyboardInterrupt

        path = tmp_path / f"{cut}.pt"
        with pytest.raises(KeyboardInterrupt):
            trained(path, stop)
        resumed, others = trained(path)
        assert others.curve == progression.curve
        for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_a_track_without_a_plateau_has_the_key_that_it_had_before_there_were_any(make_result):
    spec = make_result().spec
    assert not added_fields(Track).keys() & spec.track.identity.keys()
    changed = dataclasses.replace(spec, track=dataclasses.replace(spec.track, plateau=2))
    assert changed.track.identity["plateau"] == 2
    assert changed.key != spec.key
