import dataclasses

import pytest
import torch
from resuming import learned_and_evaluated
from torch.nn import functional as F

from fmnbench.architectures.pixelcnn import PixelCNN
from fmnbench.architectures.resnet_pixelcnn import Residual, ResNetPixelCNN
from fmnbench.critics.hybrid import HybridCritic
from fmnbench.critics.none import NoCritic
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.metrics import Evaluation
from fmnbench.registry import critics, metrics
from fmnbench.rng import isolated, stream
from fmnbench.spec import Track

SMALL = {"channels": 8, "blocks": 4}


def vae(make=ResNetPixelCNN, **settings):
    with isolated(0, "test/vae"):
        return make(784, **(SMALL | settings))


def normals(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(1, "test/normals"))


def bits(*shape, dtype=torch.float64):
    grey = torch.full(shape, 0.3, dtype=dtype)
    return torch.bernoulli(grey, generator=stream(2, "test/bits"))


@pytest.mark.parametrize("make", [ResNetPixelCNN, PixelCNN])
def test_a_row_in_training_is_coded_and_decoded_as_it_is_alone(make):
    model = vae(make).double().train()
    x = bits(6, 784)
    z = normals(6, model.latent)
    q, log_prob = model.encode(x), model.decode(z).log_prob(x)
    for row in range(0, 6, 2):
        one = slice(row, row + 1)
        alone = model.encode(x[one])
        torch.testing.assert_close(q.mean[one], alone.mean)
        torch.testing.assert_close(q.log_variance[one], alone.log_variance)
        torch.testing.assert_close(log_prob[one], model.decode(z[one]).log_prob(x[one]))


@pytest.mark.parametrize("part", ["encoder", "fresh", "shared"])
def test_convolutions_start_from_the_normal_distribution_of_he_et_al(part):
    model = vae(channels=64)
    network = {
        "encoder": model.encoder,
        "fresh": model.fresh_trunk().own,
        "shared": model.shared_trunk().own,
    }[part]
    convolutions = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == (1 if part == "shared" else 10)
    for layer in convolutions:
        height, width = layer.kernel_size
        variance = 2 / (height * width * layer.out_channels)
        measured, n = layer.weight.double().var().item(), layer.weight.numel()
        # a sample variance of n normals has the relative standard deviation sqrt(2 / n)
        assert abs(measured / variance - 1) < 5 * (2 / n) ** 0.5
        assert layer.bias is None


def test_the_posterior_head_starts_from_xaviers_uniform_distribution_without_bias():
    head = vae().posterior_head
    limit = (6 / (head.in_features + head.out_features)) ** 0.5
    assert head.weight.abs().max() <= limit
    assert head.weight.double().var().item() == pytest.approx(limit**2 / 3, rel=0.03)
    assert not head.bias.any()


def test_before_training_the_posterior_is_as_far_from_the_prior_as_in_he_et_als_code():
    kl = vae(channels=64).encode(bits(64, 784, dtype=torch.float32)).kl_from_standard().sum(1)
    assert 25 < kl.mean().item() < 37  # their code: 30.9 nats; torch's own initial weights: 4.8


def test_the_shortcut_of_a_block_is_a_1x1_convolution_with_stride_2():
    block = Residual(3, 8).double()
    torch.nn.init.zeros_(block.second.weight)  # its normalised output is 0: the shortcut is left
    h = normals(2, 3, 14, 14)
    strided = F.conv2d(h, block.beside.weight, stride=2)
    expected = F.elu(F.group_norm(strided, 1))
    torch.testing.assert_close(block(h), expected, rtol=1e-6, atol=1e-6)


def test_pixelcnn_is_the_decoder_of_resnet_pixelcnn_without_z():
    model, free = vae().double(), vae(PixelCNN).double()
    torch.nn.init.zeros_(model.decoder.spread.weight)
    shared = free.decoder.state_dict()
    free.decoder.load_state_dict({name: model.decoder.state_dict()[name] for name in shared})
    x = bits(3, 784)
    with_z = model.decode(normals(3, 32)).log_prob(x)
    torch.testing.assert_close(free.decode(normals(3, 0)).log_prob(x), with_z)
    torch.testing.assert_close(free.exact_log_likelihood(x), with_z)


def test_the_default_encoder_and_decoder_have_the_sizes_of_the_paper():
    model = ResNetPixelCNN(784)
    block = 3 * 2 * 64  # three pairs of normalisation weights
    encoder = 9 * 64 + 9 * 64**2 + 64 + block + 2 * (2 * 9 * 64**2 + 64**2 + block)
    encoder += 16 * 64 * 512 + 2 * 512
    assert sum(weight.numel() for weight in model.encoder.parameters()) == encoder
    assert model.encoder[3](model.encoder[:3](torch.zeros(1, 784))).shape == (1, 64, 4, 4)
    assert (len(model.decoder.blocks), len(model.decoder.skips)) == (12, 11)
    assert model.decoder.maps.weight.shape == (4 * 784, 32)
    assert model.decoder.blocks[0].masked.weight.shape[:2] == (32, 32)


@pytest.mark.parametrize("make", [ResNetPixelCNN, PixelCNN])
def test_rows_of_another_width_are_declined(make):
    with pytest.raises(Declined, match="28×28 pixels; rows have 64 values"):
        make(64)


def test_in_bf16_log_probabilities_come_in_float32_and_near_the_exact_ones():
    model, x, z = vae(), bits(4, 784, dtype=torch.float32), normals(4, 32, dtype=torch.float32)
    exact = model.decode(z).log_prob(x)
    with torch.autocast("cpu", torch.bfloat16):
        given = model.decode(z).log_prob(x)
    assert given.dtype == torch.float32
    torch.testing.assert_close(given, exact, rtol=0.01, atol=0)  # 8 bits in each of some layers


def test_hybrid_critic_shares_the_residual_blocks_and_owns_a_last_convolution():
    model = vae()
    critic = HybridCritic(model)
    x, z = bits(5, 784, dtype=torch.float32), normals(5, 32, dtype=torch.float32)
    critic(x, z, model.encode(x)).backward()
    blocks = [*model.encoder[:4].parameters()]
    assert all(weight.grad.abs().sum() > 0 for weight in blocks)
    rest = {*model.parameters()} - {*blocks}
    assert all(weight.grad is None for weight in rest)
    assert not {*critic.parameters()} & {*model.parameters()}
    assert sum(weight.numel() for weight in model.shared_trunk().own.parameters()) == (
        16 * 8 * 512 + 2 * 512
    )


@pytest.mark.parametrize("name", [name for name in critics.names() if name != "none"])
def test_critics_decline_a_model_without_a_latent(name):
    with pytest.raises(Declined, match="PixelCNN has no latent"):
        critics.get(name)(vae(PixelCNN))


def test_the_none_critic_takes_a_model_without_a_latent():
    x = bits(2, 784, dtype=torch.float32)
    model = vae(PixelCNN)
    q = model.encode(x)
    assert NoCritic(model)(x, q.rsample(), q) == 0


def images():
    """Bars at random places: rows of 784 bits that a model can learn something of."""
    where = torch.randint(28, (48,), generator=stream(0, "test/bars"))
    rows = torch.zeros(48, 28, 28)
    rows[torch.arange(48), :, where] = 1
    train, validation, test = rows.flatten(1).split((24, 8, 16))
    return Splits(
        train=train, validation=validation, test=test, kind="images", image_shape=(28, 28)
    )


def evaluation(model, *, nll_samples=1):
    data = images().to(torch.device("cpu"), next(model.parameters()).dtype)
    return Evaluation(model, data, seed=0, batch_size=8, nll_samples=nll_samples)


def value(name, of):
    return metrics.get(name)(of)


def test_likelihood_metrics_without_a_latent_are_the_exact_nll_whatever_the_number_of_samples():
    ones, many = (evaluation(vae(PixelCNN).double(), nll_samples=samples) for samples in (1, 500))
    with torch.no_grad():
        truth = -ones.vae.exact_log_likelihood(ones.x).mean().item()
    assert truth > 100  # untrained, 784 bits
    passes = []
    many.vae.decoder.image.register_forward_hook(lambda *call: passes.append(call))
    for of in (ones, many):
        for name in ("nll", "nll_exact", "reconstruction", "report.nll"):
            assert value(name, of) == pytest.approx(truth, rel=1e-12)
        assert value("elbo", of) == pytest.approx(-truth, rel=1e-12)
    # one of the 16 rows each, but two batches of 8 for the report's
    assert len(passes) == 5


def test_metrics_of_a_latent_that_is_not_there_are_zero():
    of = evaluation(vae(PixelCNN).double())
    for name in ("kl", "au", "report.au", "z_gain"):
        assert value(name, of) == 0
    for name in ("mi_lower", "mi_upper", "mi_batch", "report.mi", "kl_marginal"):
        assert value(name, of) == pytest.approx(0, abs=1e-12)


def test_density_in_a_latent_space_is_declined_where_there_is_none():
    of = evaluation(vae(PixelCNN).double())
    for name in ("report.density", "report.coverage"):
        with pytest.raises(Declined, match="latent space"):
            value(name, of)


def test_the_constant_reference_of_an_autoregressive_decoder_is_that_of_independent_bits():
    of = evaluation(vae().double())
    ones = of.splits.train.double().sum(0)
    probability = (ones + 1) / (24 + 2)
    cost = -torch.where(of.x == 1, probability, 1 - probability).log().sum(1).mean().item()
    assert value("reference.nll", of) == pytest.approx(cost, rel=1e-12)


def test_draws_stand_for_the_mean_that_an_autoregressive_decoder_has_not():
    of = evaluation(vae())
    assert torch.equal(of.generated_mean, of.generated)
    assert set(of.generated.unique().tolist()) == {0.0, 1.0}
    with pytest.raises(Declined, match="no closed-form mean"):
        value("z_dependence", of)


TRACK = Track(
    name="tiny",
    dataset="toy",
    architecture="resnet-pixelcnn",
    architecture_settings=SMALL | {"latent": 2},
    epochs=3,
    batch_size=8,
    learning_rate=1e-2,
    gradient_clip=5.0,
    nll_samples=3,
    report_metrics=True,
)
AT_PRIOR = "reconstruction_at_prior"
FREE = dataclasses.replace(TRACK, architecture="pixelcnn", architecture_settings=SMALL)


@pytest.mark.parametrize(
    ("track", "critic", "declined"),
    [
        (TRACK, "hybrid", {"nll_exact", "z_dependence"}),
        (FREE, "none", {"z_dependence", "report.density", "report.coverage", AT_PRIOR}),
    ],
)
def test_a_run_learns_resumes_to_the_same_bits_and_has_all_metrics(
    tmp_path, track, critic, declined
):
    values, _ = learned_and_evaluated(track, critic, images(), tmp_path, share=0.8)
    # perplexity is a metric of texts; the best epoch is known to a whole run alone
    best = {name for name in metrics.names() if name.startswith("best.")}
    assert {*metrics.names()} - {*values} - {"ppl"} - best == declined
