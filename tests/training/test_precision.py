"""Reduced precision: the VAE has it where a track asks for it, its critic never."""

import pytest
import torch
from tiny_runs import spec, splits, trained
from torch import nn

from fmnbench.critics.base import Critic
from fmnbench.nn.precision import autocast
from fmnbench.registry import critics
from fmnbench.remedies import Progress
from fmnbench.rng import SideStream, stream
from fmnbench.runs.run import build


def test_bf16_trains_to_about_the_same_loss_as_float32():
    data = splits()
    losses = [
        trained(data, spec("self", precision=precision, epochs=20))[1].curve[-1]["loss"]
        for precision in ("float32", "bf16")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.03)  # 8 bits of mantissa
    assert losses[0] != losses[1]


@pytest.mark.parametrize("critic", ["self", "neural", "hybrid"])
def test_in_a_bf16_track_the_critic_alone_is_in_float32(critic):
    data = splits()
    model = build(spec(critic, precision="bf16"), data)
    progress = Progress(step=0, epoch=0.0)
    side = SideStream(0, "critic", torch.device("cpu"))
    with autocast("bf16", torch.device("cpu")):
        batch = model.batch(data.train, stream(0, "noise"), progress)
        _, terms = model.losses(batch, side)
        q, epsilon = batch.q, batch.epsilon
        rough = model.critic(data.train, q.at(epsilon), q)
    exact = model.critic(data.train, q.at(epsilon), q)
    assert terms[3] == exact
    assert (rough != exact) == (critic != "self")  # that has no layers, and scores in float64
    assert exact.bfloat16() != exact  # so the curve has more digits
    assert not torch.equal(q.mean, model.vae.encode(data.train).mean)  # the VAE is in bf16


def test_a_critic_of_a_plugin_sees_float32_and_multiplies_in_float32_in_a_bf16_track(registers):
    seen = set()

    @critics.register("products")
    class Products(Critic):
        def __init__(self, vae):
            super().__init__(vae)
            self.layer = nn.Linear(6, 3)

        def forward(self, x, z, q):
            scores = self.layer(x) @ z.T
            seen.update(each.dtype for each in (x, z, q.mean, q.log_variance, scores))
            return scores.diagonal().mean()

    _, progression = trained(splits(), spec("products", precision="bf16", epochs=1))
    assert seen == {torch.float32}
    value = torch.tensor(progression.curve[0]["critic"])
    assert value.bfloat16() != value
