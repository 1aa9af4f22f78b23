"""Critics against autograd of the written-out formulas."""

import math

import pytest
import torch
from torch.nn import functional as F

from fmnbench.architectures.mlp import MLP
from fmnbench.critics.base import contrastive_loss
from fmnbench.critics.hybrid import HybridCritic
from fmnbench.critics.neural import NeuralCritic
from fmnbench.critics.none import NoCritic
from fmnbench.critics.self_critic import SelfCritic
from fmnbench.errors import Declined, UsageError
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.rng import isolated, stream

N = 40


def normals(*shape, purpose="values", dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(0, purpose))


def written_out(scores, direction):
    """Cross entropy of scores[i, j] with i matched to itself, as papers write it."""
    targets = torch.arange(len(scores))
    rows, columns = F.cross_entropy(scores, targets), F.cross_entropy(scores.T, targets)
    return {"x": rows, "z": columns, "both": (rows + columns) / 2}[direction]


@pytest.mark.parametrize("direction", ["x", "z", "both"])
@pytest.mark.parametrize(
    "scale", [0.1, 1.0, 30.0]
)  # 30: rows and columns need shifts of their own
def test_contrastive_loss_and_gradient_equal_autograd_of_the_cross_entropy(direction, scale):
    a = (scale * normals(5, N, purpose="a")).requires_grad_()
    b = normals(5, N, purpose="b").requires_grad_()
    loss = contrastive_loss(a, b, direction)
    truth = written_out(a.T @ b, direction)
    torch.testing.assert_close(loss, truth)
    ours, theirs = (torch.autograd.grad(3 * value, (a, b)) for value in (loss, truth))
    for gradient, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("direction", ["x", "z", "both"])
def test_contrastive_loss_passes_the_numerical_gradient_check(direction):
    a, b = (normals(3, 6, purpose=name).requires_grad_() for name in "ab")
    assert torch.autograd.gradcheck(lambda *c: contrastive_loss(*c, direction), (a, b))


@pytest.mark.parametrize("direction", ["x", "z", "both"])
def test_contrastive_loss_is_log_n_when_columns_cannot_be_told_apart(direction):
    ones = torch.ones(3, N, dtype=torch.float64)
    assert contrastive_loss(ones, 2 * ones, direction).item() == pytest.approx(math.log(N))


def test_contrastive_loss_tells_its_directions_apart():
    a = torch.tensor([[1.0, 2.0, 3.0]])
    b = torch.tensor([[0.5, 0.0, -1.0]])
    losses = {d: contrastive_loss(a, b, d).item() for d in ("x", "z", "both")}
    assert losses["both"] == pytest.approx((losses["x"] + losses["z"]) / 2)
    assert abs(losses["x"] - losses["z"]) > 0.05


def test_contrastive_loss_of_a_batch_of_one_is_zero():
    one = torch.ones(3, 1)
    assert contrastive_loss(one, one, "both").item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("direction", ["x", "z", "both"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_self_critic_is_the_cross_entropy_of_its_own_densities(dtype, direction, temperature):
    mean = (5 * normals(N, 3, purpose="mean", dtype=dtype)).requires_grad_()
    log_variance = normals(N, 3, purpose="variance", dtype=dtype).requires_grad_()
    q = DiagonalNormal(mean, log_variance)
    z = q.rsample(generator=stream(0, "z"))
    critic = SelfCritic(MLP(2), temperature=temperature, direction=direction)
    loss = critic(torch.zeros(N, 2), z, q)
    # scores[i, j] = log N(z_i; mean_j, diag exp(log_variance_j))
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    truth = written_out(normal.log_prob(z[:, None]).sum(2) / temperature, direction)
    torch.testing.assert_close(loss, truth)
    ours, theirs = (
        torch.autograd.grad(value, (mean, log_variance), retain_graph=True)
        for value in (loss, truth)
    )
    for gradient, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, expected)


def test_self_critic_in_float32_keeps_its_digits_far_from_the_origin():
    mean = 1e3 + normals(N, 4, purpose="mean", dtype=torch.float32)
    q = DiagonalNormal(mean, torch.full_like(mean, -9.0))
    z = q.rsample(generator=stream(0, "z"))
    exact = DiagonalNormal(mean.double(), q.log_variance.double())
    truth = written_out(exact.log_prob(z.double()[:, None]), "x")
    loss = SelfCritic(MLP(2))(torch.zeros(N, 2), z, q)
    assert loss.item() == pytest.approx(truth.item(), abs=1e-6)


def test_no_critic_adds_nothing():
    z = normals(N, 3)
    assert NoCritic(MLP(2))(z, z, DiagonalNormal(z, z)).item() == 0.0


@pytest.mark.parametrize("direction", ["x", "z", "both"])
def test_neural_critic_is_the_cross_entropy_of_scaled_cosines(direction):
    vae, critic = built(NeuralCritic, direction=direction)
    x, z = normals(N, 6, purpose="x"), normals(N, 3, purpose="z")
    cosines = F.cosine_similarity(critic.z_network(z)[:, None], critic.x_network(x)[None], dim=2)
    loss = critic(x, z, vae.encode(x))
    truth = written_out(critic.scale * cosines, direction)
    assert loss.item() == pytest.approx(truth.item(), rel=1e-6)  # its cosines are in float32
    assert critic.scale.item() == pytest.approx(math.log(1 / 0.07))


@pytest.mark.parametrize("direction", ["x", "z", "both"])
def test_scores_of_a_product_are_plain_inner_products_without_a_factor(direction):
    vae, critic = built(NeuralCritic, direction=direction, scores="product")
    x, z = normals(N, 6, purpose="x"), normals(N, 3, purpose="z")
    products = critic.z_network(z) @ critic.x_network(x).T
    loss = critic(x, z, vae.encode(x))
    assert loss.item() == pytest.approx(written_out(products, direction).item(), rel=1e-6)
    assert "scale" not in dict(critic.named_parameters())


def test_a_critics_own_learning_rate_must_be_above_0():
    with pytest.raises(UsageError, match="own_learning_rate is -1"):
        built(NeuralCritic, own_learning_rate=-1.0)


def test_neural_critic_shares_nothing_with_the_encoder():
    vae, critic = built(NeuralCritic)
    x = normals(N, 6, purpose="x")
    z = normals(N, 3, purpose="z")
    critic(x, z, vae.encode(x)).backward()
    assert all(weight.grad is None for weight in vae.parameters())


def test_hybrid_critic_trains_the_encoders_first_layer_without_owning_it():
    vae, critic = built(HybridCritic)
    x, z = normals(N, 6, purpose="x"), normals(N, 3, purpose="z")
    critic(x, z, vae.encode(x)).backward()
    assert vae.encoder[0].weight.grad.abs().sum() > 0
    assert vae.encoder[2].weight.grad is None
    owned = {id(weight) for weight in critic.parameters()}
    assert not owned & {id(weight) for weight in vae.parameters()}


def test_hybrid_critic_sees_the_encoders_current_weights():
    vae, critic = built(HybridCritic)
    x, z = normals(N, 6, purpose="x"), normals(N, 3, purpose="z")
    before = critic(x, z, vae.encode(x)).item()
    with torch.no_grad():
        vae.encoder[0].weight.add_(1.0)
    assert critic(x, z, vae.encode(x)).item() != before


def test_hybrid_critic_declines_an_encoder_that_is_too_shallow():
    with pytest.raises(Declined, match="too shallow"):
        HybridCritic(MLP(6, hidden=(8,)))


def built(kind, **settings):
    with isolated(0, "build"):
        vae = MLP(6, hidden=(8, 7), latent=3)
        critic = kind(vae, x_hidden=12, z_hidden=9, embedding=5, **settings)
    return vae.double(), critic.double()


@pytest.mark.parametrize("direction", ["x", "z", "both"])
def test_scores_are_in_float32_also_where_products_run_in_bfloat16(direction):
    a, b = (normals(N, 5, purpose=name).float().T.requires_grad_() for name in ("x", "z"))
    exact = contrastive_loss(a.double(), b.double(), direction)
    with torch.autocast("cpu", torch.bfloat16):
        loss = contrastive_loss(a, b, direction)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)  # bfloat16: 4e-3
