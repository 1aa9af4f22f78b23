"""Pretraining, a new decoder, and what starts anew with it."""

import torch
from tiny_runs import spec, splits

from fmnbench.runs.run import build
from fmnbench.training.loop import train
from fmnbench.training.stopping import Stopping


def test_after_the_pretraining_the_decoder_is_the_initial_one_and_the_encoder_is_kept(run_with):
    data = splits()
    run = run_with("fbp", {"pretraining": 2, "warmup": 2.0}, epochs=2)
    fresh, model = build(run, data), build(run, data)
    train(model, data, run, checkpoint=None, report=lambda epoch, entry: None)
    for name, weight in model.vae.named_parameters():
        initial = dict(fresh.vae.named_parameters())[name]
        is_decoder = name.startswith(("decoder", "output"))
        assert torch.equal(weight, initial) == is_decoder, name


def test_the_kl_is_free_in_the_pretraining_and_weighs_more_from_epoch_to_epoch_after_it(batch_of):
    settings = {"pretraining": 3, "warmup": 4.0, "target": 0.0}
    remedy, batch = batch_of("fbp", settings, epoch=5.0)
    assert torch.equal(remedy.loss(batch), batch.reconstruction)
    remedy.began.fill_(3.0)
    expected = batch.reconstruction + 0.5 * batch.kl.sum(1)
    assert torch.allclose(remedy.loss(batch), expected)


def test_a_reset_gives_the_optimiser_its_first_rate_again_and_forgets_all_validations():
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.4)
    track = spec(plateau=1, plateau_from=0, halvings=3).track
    stopping = Stopping(track, {"vae": module}, optimizer)
    for epoch, bound in enumerate((3.0, 5.0, 6.0, 7.0), start=1):
        terms = {"reconstruction": bound, "kl": 0.0, "loss": bound}
        stopping.note({f"validation.{name}": value for name, value in terms.items()}, epoch)
    assert (stopping.is_over, optimizer.param_groups[0]["lr"]) == (True, 0.05)
    stopping.restart()
    assert (stopping.is_over, optimizer.param_groups[0]["lr"]) == (False, 0.4)
    assert stopping.best.after(4) is None
