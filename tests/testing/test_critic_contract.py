"""What the contract of critics accepts, what it refuses, and whom it blames."""

import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fmnbench.architectures.mlp import MLP
from fmnbench.critics import Critic, contrastive_loss, pairwise_features
from fmnbench.critics.base import contrast
from fmnbench.errors import ComponentError, UsageError
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import critics, load_plugin
from fmnbench.testing import check_critic


class Noisy(Critic):
    """Scores samples with noise added, in evaluation too."""

    def forward(self, x, z, q):
        return (z + 0.1 * torch.randn_like(z)).square().mean()


class NoisyInTraining(Critic):
    def forward(self, x, z, q):
        return F.dropout(z, 0.3, self.training).square().mean()


class Shuffled(Critic):
    """Its negatives are a random permutation: rows draw others as their order changes."""

    def forward(self, x, z, q):
        other = torch.randperm(len(z), device=z.device)
        return (q.log_prob(z[other]) - q.log_prob(z)).mean()


class Layered(Critic):
    """Batch norm, dropout and a frozen layer."""

    def __init__(self, vae):
        super().__init__(vae)
        self.frozen = nn.Linear(12, 12).requires_grad_(False)
        self.layers = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.of_z = nn.Linear(vae.latent, 8)

    def forward(self, x, z, q):
        return contrastive_loss(self.of_z(z).T, self.layers(self.frozen(x)).T)


class Remembering(Critic):
    """Holds what it saw last in a buffer of its own, as a queue of negatives does."""

    def __init__(self, vae):
        super().__init__(vae)
        self.register_buffer("last", torch.zeros(vae.latent))

    def forward(self, x, z, q):
        loss = (z - self.last).square().mean()
        if self.training:
            self.last.copy_(z.detach().mean(0))
        return loss


class Bounding(Critic):
    """The self critic after a shuffle, which a bound in expectation survives."""

    bounds_information = True

    def forward(self, x, z, q):
        a, b = pairwise_features(z, q.mean, q.log_variance)
        order = torch.randperm(len(z))
        return contrastive_loss(a[:, order], b[:, order]).to(z.dtype)


@pytest.mark.parametrize(
    "critic", [Noisy, NoisyInTraining, Shuffled, Layered, Remembering, Bounding]
)
def test_critics_that_draw_normalise_or_remember_keep_the_contract(critic, registers):
    critics.register("right")(critic)
    before = torch.get_rng_state()
    check_critic("right")
    assert torch.equal(torch.get_rng_state(), before)


class Half(Critic):
    bounds_information = True

    def forward(self, x, z, q):
        return z.square().mean()


class Boasting(Critic):
    """Right at chance, and half the loss that tells matched rows from others."""

    bounds_information = True

    def forward(self, x, z, q):
        a, b = pairwise_features(z, q.mean, q.log_variance)
        loss, chance = contrastive_loss(a, b), math.log(len(z))
        return (chance - 2 * (chance - loss)).to(z.dtype)


class Ordered(Critic):
    def forward(self, x, z, q):
        return (z[:, 0] * torch.arange(len(z))).mean()


class OrderedWithNoise(Critic):
    def forward(self, x, z, q):
        return (z[:, 0] * torch.arange(len(z))).mean() + 0.1 * torch.randn(())


class Detached(Critic):
    def forward(self, x, z, q):
        return z.detach().square().mean().requires_grad_()


class Constant(Critic):
    def forward(self, x, z, q):
        return z.new_ones(())


class Infinite(Critic):
    def forward(self, x, z, q):
        return z.sum() / 0


class Unseeded(Critic):
    def forward(self, x, z, q):
        return z.square().mean() * random.random()


class OfTheVae(Critic):
    def __init__(self, vae):
        super().__init__(vae)
        self.vae = (vae,)


class Writing(OfTheVae):
    def forward(self, x, z, q):
        with torch.no_grad():
            self.vae[0].output.bias += 1
        return z.square().mean()


class Marking(OfTheVae):
    def forward(self, x, z, q):
        for buffer in self.vae[0].buffers():
            buffer.zero_()
        return z.square().mean()


class Switching(OfTheVae):
    def forward(self, x, z, q):
        self.vae[0].encoder.eval()
        return z.square().mean()


class SwitchingItself(Critic):
    def forward(self, x, z, q):
        self.train()
        return z.square().mean()


@pytest.mark.parametrize(
    ("critic", "complaint"),
    [
        (Half, "wrong is .* at chance, not 3.46"),
        (Boasting, "wrong claims .* nats where there are 0.34"),
        (Ordered, "wrong depends on the order of rows"),
        (OrderedWithNoise, "wrong depends on the order of rows"),
        (Detached, "wrong sends no gradient to the encoder"),
        (Constant, "wrong sends no gradient to the encoder"),
        (Infinite, "wrong's loss is"),
        (Unseeded, "wrong does not repeat under a seed"),
        (Writing, r"wrong changes output\.bias of the VAE in its forward"),
        (Marking, "wrong changes mark of the VAE in its forward"),
        (Switching, "wrong changes the mode of the VAE in its forward"),
        (SwitchingItself, "wrong changes the mode of itself in its forward"),
    ],
)
def test_the_contract_tells_what_is_wrong(critic, complaint, registers):
    critics.register("wrong")(critic)
    with pytest.raises(AssertionError, match=complaint):
        check_critic("wrong")


class PerRow(Critic):
    def forward(self, x, z, q):
        return z.square().mean(1)


class Number(Critic):
    def forward(self, x, z, q):
        return z.square().mean().item()


class Count(Critic):
    def forward(self, x, z, q):
        return (z > 0).sum()


@pytest.mark.parametrize(
    ("critic", "found"),
    [
        (PerRow, r"PerRow of test_critic_contract\.py returned a tensor of shape \(32,\)"),
        (
            Number,
            r"Number of test_critic_contract\.py returned a float; a loss is a scalar tensor",
        ),
        (Count, r"Count of test_critic_contract\.py returned a tensor of torch\.int64"),
    ],
)
def test_what_is_no_scalar_is_blamed_on_the_critics_own_class_and_file(critic, found, registers):
    critics.register("wrong")(critic)
    with pytest.raises(AssertionError, match=f"wrong: The critic {found}"):
        check_critic("wrong")
    x = torch.zeros(32, 3)
    made = critic(MLP(3, latent=3))
    with pytest.raises(ComponentError, match=found):
        contrast(made, x, x, DiagonalNormal(x, x))


PLUGIN = """
from fmnbench.critics import Critic
from fmnbench.registry import critics

@critics.register("of_a_file")
class OfAFile(Critic):
    \"\"\"Shrinks samples.\"\"\"

    def forward(self, x, z, q):
        return z.square()RESULT
"""


def test_a_critic_of_a_loaded_plugin_is_checked_by_its_name(registers, tmp_path):
    path = tmp_path / "of_a_file.py"
    path.write_text(PLUGIN.replace("RESULT", ".mean()"))
    with pytest.raises(UsageError, match="of_a_file"):
        check_critic("of_a_file")
    load_plugin(path)
    check_critic("of_a_file")


def test_a_critic_of_a_loaded_plugin_is_blamed_by_its_own_file(registers, tmp_path):
    path = tmp_path / "of_a_file.py"
    path.write_text(PLUGIN.replace("RESULT", ""))
    load_plugin(path)
    with pytest.raises(AssertionError, match=r"OfAFile of of_a_file\.py returned"):
        check_critic("of_a_file")
