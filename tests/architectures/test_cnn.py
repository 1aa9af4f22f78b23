"""The convolutional VAE: the report's layers, torch's own numbers, layers shared with critics."""

import math

import pytest
import torch
from resuming import trained_and_resumed
from torch import nn

from fmnbench.architectures.cnn import CNN
from fmnbench.critics.hybrid import HybridCritic
from fmnbench.critics.neural import NeuralCritic
from fmnbench.datasets.base import Splits
from fmnbench.errors import Declined
from fmnbench.planning.plan import resolve
from fmnbench.rng import isolated, stream
from fmnbench.spec import Task, Track

N, PIXELS, LATENT = 5, 784, 32
ENCODER = [  # weights + biases
    1 * 32 * 3 * 3 + 32,
    32 * 64 * 4 * 4 + 64,
    64 * 128 * 4 * 4 + 128,
    128 * 256 * 3 * 3 + 256,
    256 * 512 * 2 * 2 + 512,
]
DECODER = [
    32 * 512 + 512,
    512 * 256 * 2 * 2 + 256,
    256 * 128 * 3 * 3 + 128,
    128 * 64 * 4 * 4 + 64,
    64 * 32 * 4 * 4 + 32,
    32 * 1 * 3 * 3 + 1,
]
HEAD = 2 * (512 * 32 + 32)
EMBEDDING = (512 * 256 + 256) + (256 * 128 + 128)  # a critic's layers above the convolutions


def cnn(dtype=torch.float64, **settings):
    with isolated(0, "test"):
        return CNN(PIXELS, **settings).to(dtype)


def plain(dtype=torch.float64):
    """The report's words in torch's layers: an encoder to mean and log-variance, a decoder."""
    with isolated(0, "test"):
        encoder = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            *(nn.Conv2d(1, 32, 3, 1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
            *(nn.Conv2d(64, 128, 4, 2), nn.ReLU()),
            *(nn.Conv2d(128, 256, 3, 2), nn.ReLU()),
            *(nn.Conv2d(256, 512, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(512, 2 * LATENT)),
        )
        decoder = nn.Sequential(
            *(nn.Linear(LATENT, 512), nn.Unflatten(1, (512, 1, 1))),
            *(nn.ConvTranspose2d(512, 256, 2, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(256, 128, 3, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(128, 64, 4, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 4, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 1, 3, 1), nn.Flatten()),
        )
    return nn.ModuleList([encoder, decoder]).to(dtype)


def bits(n=N, dtype=torch.float64):
    return torch.bernoulli(torch.full((n, PIXELS), 0.3, dtype=dtype), generator=stream(0, "bits"))


def normals(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(0, "normals"))


def weights(module):
    return torch.cat([weight.flatten() for weight in module.parameters()])


def test_each_stage_has_the_reports_size():
    kinds = (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)
    layers = [module for module in cnn().modules() if isinstance(module, kinds)]
    *down, head = layers[:6]
    first, *up = layers[6:]
    images = bits().view(N, 1, 28, 28)
    assert passed(down, images) == [
        (32, 26, 26),
        (64, 12, 12),
        (128, 5, 5),
        (256, 2, 2),
        (512, 1, 1),
    ]
    assert (head.in_features, head.out_features) == (512, 2 * LATENT)
    assert (first.in_features, first.out_features) == (LATENT, 512)
    features = normals(N, 512)[:, :, None, None]
    assert passed(up, features) == [
        (256, 2, 2),
        (128, 5, 5),
        (64, 12, 12),
        (32, 26, 26),
        (1, 28, 28),
    ]


def passed(layers, value):
    """Shapes of one row after each layer."""
    found = []
    for layer in layers:
        value = layer(value)
        found.append(tuple(value.shape[1:]))
    return found


def test_parameters_are_those_of_the_reports_layers():
    counts = [weight.numel() for weight in cnn().parameters()]
    by_layer = [sum(counts[place : place + 2]) for place in range(0, len(counts), 2)]
    assert by_layer == [*ENCODER, HEAD, *DECODER]
    assert sum(counts) == 2_017_857


def test_it_starts_from_torchs_default_initialisation_in_the_order_of_its_layers():
    pairs = zip(cnn().parameters(), plain().parameters(), strict=True)
    assert all(torch.equal(ours, torchs) for ours, torchs in pairs)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        (torch.float64, 1e-12),
        (torch.float32, 1e-4),  # sums of up to 5 · 676 products of either sign, in other orders
    ],
)
def test_posterior_output_and_gradients_are_those_of_torchs_plain_layers(dtype, tolerance):
    vae, (encoder, decoder) = cnn(dtype, likelihood="bernoulli"), plain(dtype)
    (x, z), (its_x, its_z) = leaves(dtype), leaves(dtype)
    q = vae.encode(x)
    outputs = torch.cat([q.mean, q.log_variance, vae.decode(z).logits], 1)
    torchs = torch.cat([encoder(its_x), decoder(its_z)], 1)
    close(outputs, torchs, tolerance)
    weighting = normals(*outputs.shape, dtype=dtype)
    (outputs * weighting).sum().backward()
    (torchs * weighting).sum().backward()
    ours = [x, z, *vae.parameters()]
    theirs = [its_x, its_z, *encoder.parameters(), *decoder.parameters()]
    for value, expected in zip(ours, theirs, strict=True):
        close(value.grad, expected.grad, tolerance)


def leaves(dtype):
    return bits(dtype=dtype).requires_grad_(), normals(N, LATENT, dtype=dtype).requires_grad_()


def close(value, expected, tolerance):
    """Differences are judged by the largest entry: small ones are differences of large terms."""
    largest = expected.abs().max().item()
    torch.testing.assert_close(value, expected, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("variance", [0.5, 0.1])
def test_gaussian_likelihood_is_a_normal_about_the_sigmoid_of_the_output(variance):
    x, z = bits(), normals(N, LATENT)
    mean = plain()[1](z).sigmoid()
    truth = torch.distributions.Normal(mean, math.sqrt(variance)).log_prob(x).sum(1)
    likelihood = cnn(variance=variance).decode(z)
    torch.testing.assert_close(likelihood.log_prob(x), truth)
    torch.testing.assert_close(likelihood.mean, mean)


def test_bernoulli_likelihood_has_the_output_as_logits():
    x, z = bits(), normals(N, LATENT)
    truth = torch.distributions.Bernoulli(logits=plain()[1](z)).log_prob(x).sum(1)
    torch.testing.assert_close(cnn(likelihood="bernoulli").decode(z).log_prob(x), truth)


def test_gaussian_nll_at_variance_one_half_is_the_squared_error_and_a_constant():
    x, z = bits(), normals(N, LATENT)
    squared_error = (x - plain()[1](z).sigmoid()).square().sum(1)
    truth = squared_error + 784 / 2 * math.log(math.pi)
    torch.testing.assert_close(-cnn().decode(z).log_prob(x), truth)


@pytest.mark.parametrize("shape", [(), (1,), (3, N), (2, 3, 2), (0,)])
def test_z_of_any_shape_are_decoded_as_row_by_row(shape):
    vae, z = cnn(), normals(*shape, LATENT)
    mean = vae.decode(z).mean
    assert mean.shape == (*shape, PIXELS)
    for row, expected in zip(z.view(-1, LATENT), mean.view(-1, PIXELS), strict=True):
        torch.testing.assert_close(vae.decode(row[None]).mean[0], expected)


def test_in_bf16_the_sigmoid_is_still_taken_in_float32():
    vae, z = cnn(torch.float32), 30 * normals(N, LATENT, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mean = vae.decode(z).mean
        logits = cnn(torch.float32, likelihood="bernoulli").decode(z).logits
    assert mean.dtype == torch.float32
    assert torch.equal(mean, logits.sigmoid())
    assert not torch.equal(mean, mean.bfloat16().float())
    exact = vae.decode(z).mean
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.02)  # 8 bits in each of six layers


def test_rows_of_another_width_are_declined():
    with pytest.raises(Declined, match="28×28 pixels; rows have 64 values"):
        CNN(64)


def test_hybrid_critic_shares_the_first_four_convolutions_and_owns_a_fifth():
    vae = cnn(torch.float32)
    critic = HybridCritic(vae)
    x, z = bits(dtype=torch.float32), normals(N, LATENT, dtype=torch.float32)
    critic(x, z, vae.encode(x)).backward()
    first_four, others = [*vae.parameters()][:8], [*vae.parameters()][8:]
    assert all(weight.grad.abs().sum() > 0 for weight in first_four)
    assert all(weight.grad is None for weight in others)
    assert not {*map(id, critic.parameters())} & {*map(id, vae.parameters())}
    assert len(weights(critic.x_network)) == ENCODER[4] + EMBEDDING
    shared = vae.shared_trunk().shared
    assert [*map(id, shared.parameters())] == [*map(id, first_four)]
    up_to_fourth_relu = plain(torch.float32)[0][:9]
    close(shared(x).flatten(1), up_to_fourth_relu(x).flatten(1), 1e-5)


def test_neural_critic_has_five_convolutions_of_its_own():
    vae = cnn(torch.float32)
    critic = NeuralCritic(vae)
    x, z = bits(dtype=torch.float32), normals(N, LATENT, dtype=torch.float32)
    critic(x, z, vae.encode(x)).backward()
    assert all(weight.grad is None for weight in vae.parameters())
    assert all(weight.grad is not None for weight in critic.parameters())
    assert len(weights(critic.x_network)) == sum(ENCODER) + EMBEDDING


@pytest.mark.parametrize(("critic", "precision"), [("neural", "bf16"), ("hybrid", "float32")])
def test_a_run_that_is_cut_off_resumes_to_the_same_bits(tmp_path, critic, precision):
    grey = torch.rand(12, PIXELS, generator=stream(0, "grey"))
    data = Splits(
        train=grey,
        validation=bits(4).float(),
        test=bits(4).float(),
        kind="images",
        image_shape=(28, 28),
        rebinarise=True,
    )
    track = Track(
        name="tiny",
        dataset="toy",
        architecture="cnn",
        epochs=3,
        batch_size=4,
        learning_rate=1e-3,
        weight_decay=0.01,
        precision=precision,
    )
    run = resolve(Task(track=track, critic=critic, lambda_=1.0), 0)

    _, resumed, _ = trained_and_resumed(run, data, tmp_path)
    kernels = [weight for weight in resumed.parameters() if weight.ndim == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels)
