import itertools
import math

import pytest
import torch
from torch import distributions
from torch.nn import functional as F

from fmnbench.errors import Declined
from fmnbench.nn.distributions import AutoregressiveBernoulli
from fmnbench.nn.pixelcnn_layers import PixelNetwork
from fmnbench.rng import isolated, stream

LATENT = 2
SMALL = {"channels": 8, "blocks": 4, "skips": True}


def network(side=3, *, latent=LATENT, dtype=torch.float64, **settings):
    with isolated(0, "test/network"):
        return PixelNetwork(side, latent=latent, **(SMALL | settings)).to(dtype)


def normals(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(1, "test/normals"))


def bits(*shape, dtype=torch.float64):
    grey = torch.full(shape, 0.3, dtype=dtype)
    return torch.bernoulli(grey, generator=stream(2, "test/bits"))


def every_image(side):
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=side**2))).double()


def logits(net, x, z):
    return net.logits(x, z[None])[0]


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("skips", [False, True])
def test_probabilities_of_all_images_of_nine_pixels_sum_to_one(blocks, skips):
    images = every_image(3)
    z = 3 * normals(4, LATENT)
    for each in (network(blocks=blocks, skips=skips), network(latent=0, blocks=blocks)):
        like = AutoregressiveBernoulli(each, z[:, None, : each.latent])
        total = like.log_prob(images).exp().sum(1)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-12, atol=0)


def within(side, kernel, *, own):
    """within[i, j]: a masked kernel around pixel i holds pixel j."""
    row, column = torch.arange(side**2) // side, torch.arange(side**2) % side
    near = [(each[:, None] - each).abs() <= kernel // 2 for each in (row, column)]
    return near[0] & near[1] & torch.ones(side**2, side**2).tril(0 if own else -1).bool()


@pytest.mark.parametrize(
    ("blocks", "skips"), [(1, False), (2, False), (3, True), (4, False), (4, True)]
)
def test_each_pixel_sees_all_before_it_within_reach_but_not_itself_nor_later_ones(blocks, skips):
    net = network(9, blocks=blocks, skips=skips)
    x, z = bits(1, 81), normals(1, LATENT)
    seen = torch.autograd.functional.jacobian(lambda x: logits(net, x, z)[0], x)[:, 0]
    reach = within(9, 7, own=False).long()
    for block in net.blocks:
        reach = within(9, block.masked.weight.shape[-1], own=True).long() @ reach
    assert torch.equal(seen != 0, reach > 0)
    assert not seen.triu().any()


def plain_block(block, h):
    """A block with whole kernels, channels first."""

    def normed(h, norm):
        h = F.layer_norm(h.movedim(1, 3), norm.weight.shape, norm.weight, norm.bias)
        return h.movedim(3, 1)

    first, second, third = block.norms
    inner = F.elu(normed(F.conv2d(h, block.enter.weight[:, :, None, None]), first))
    inner = F.conv2d(inner, whole(block.masked, own=1), block.masked.bias, padding="same")
    inner = F.conv2d(F.elu(normed(inner, second)), block.leave.weight[:, :, None, None])
    return F.elu(normed(inner, third) + h)


def whole(layer, *, own):
    """The square kernel of a masked convolution, with zeros from the pixel (after it) on."""
    kernel = layer.weight.shape[-1]
    weight = F.pad(layer.weight.detach(), (0, 0, 0, kernel // 2)).flatten(2)
    weight[:, :, kernel**2 // 2 + own :] = 0
    return weight.unflatten(2, (kernel, kernel))


def plain_logits(net, x, z):
    """He et al.'s decoder as published: maps of z beside the image, whole masked kernels."""
    images = x.view(-1, 1, net.side, net.side)
    maps = net.maps(z).view(-1, 4, net.side, net.side)
    kernel = torch.cat([whole(net.image, own=0), net.spread.weight], 1)
    h = F.conv2d(torch.cat([images, maps], 1), kernel, net.image.bias, padding="same")
    h = F.elu(net.norm(h.movedim(1, 3)).movedim(3, 1))
    waiting = [h]
    for number, block in enumerate(net.blocks, 1):
        if number > 2:
            h = h + plain_block(net.skips[number - 3], waiting.pop(0))
        h = plain_block(block, h)
        waiting.append(h)
    h = h + plain_block(net.skips[-1], waiting.pop(0))
    assert len(waiting) == 2
    return net.output(h.movedim(1, 3)).flatten(1)


@pytest.mark.parametrize("blocks", [3, 7, 13])
def test_logits_are_those_of_whole_masked_kernels_on_image_and_maps_of_z(blocks):
    net = network(9, blocks=blocks, channels=12)
    x, z = bits(5, 81), normals(5, LATENT)
    torch.testing.assert_close(logits(net, x, z), plain_logits(net, x, z))


@pytest.mark.parametrize(
    ("blocks", "kernels"),
    [(13, [7] * 5 + [5] * 4 + [3] * 4), (7, [7] * 3 + [5] * 2 + [3] * 2), (4, [7, 7, 5, 3])],
)
def test_a_third_of_the_blocks_each_has_kernels_of_7_5_and_3_pixels(blocks, kernels):
    net = network(blocks=blocks)
    layers = [net.image, *(block.masked for block in net.blocks)]
    assert [layer.weight.shape[-1] for layer in layers] == kernels
    assert [block.masked.weight.shape[-1] for block in net.skips] == kernels[1:-1]


@pytest.mark.parametrize("settings", [{}, {"skips": False}, {"latent": 0}, {"blocks": 13}])
def test_cached_draws_are_those_of_whole_passes_pixel_by_pixel(settings):
    net = network(8, **settings)
    z, uniform = 2 * normals(20, net.latent), torch.rand(20, 64, generator=stream(0, "test/u"))
    uniform = uniform.double()
    x = torch.zeros(20, 64).double()
    with torch.no_grad():
        for pixel in range(64):
            mean = torch.sigmoid(logits(net, x, z)[:, pixel])
            x[:, pixel] = (uniform[:, pixel] < mean).double()
        drawn = net.draw(z, uniform)
    assert torch.equal(drawn, x)
    assert 0.1 < x.mean() < 0.9


def test_draws_of_many_rows_are_those_of_each_alone(monkeypatch):
    net = network(4)
    z, uniform = normals(7, LATENT), torch.rand(7, 16, generator=stream(0, "test/u")).double()
    monkeypatch.setattr("fmnbench.nn.pixelcnn_layers.DRAWS", 3)
    with torch.no_grad():
        alone = [net.draw(z[row : row + 1], uniform[row : row + 1]) for row in range(7)]
        assert torch.equal(net.draw(z, uniform), torch.cat(alone))


def test_draws_are_as_frequent_as_their_probability():
    like = AutoregressiveBernoulli(network(2), 3 * normals(1, LATENT))
    probabilities = like.log_prob(every_image(2)).exp()
    drawn = like.sample((20_000,), generator=stream(0, "test/draws"))[:, 0]
    numbers = (drawn @ torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).long()
    frequencies = numbers.bincount(minlength=16) / 20_000
    # 16 frequencies, each within four of its standard errors
    errors = (probabilities * (1 - probabilities) / 20_000).sqrt()
    assert ((frequencies - probabilities).abs() < 4 * errors).all()


def test_a_generator_repeats_draws_and_gradients_stay_out():
    like = AutoregressiveBernoulli(network(), normals(5, LATENT))
    first, again, other = (like.sample(generator=stream(seed, "test")) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (5, 9)
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not first.requires_grad


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_draws_come_in_the_shape_of_samples_and_z(shape):
    like = AutoregressiveBernoulli(network(), normals(*shape, LATENT))
    assert like.sample((4,), generator=stream(0, "test")).shape == (4, *shape, 9)
    assert like.sample(generator=stream(0, "test")).shape == (*shape, 9)


def test_log_prob_is_the_sum_over_bits_of_their_bernoulli_given_the_bits_before():
    net, x, z = network(), bits(6, 9), normals(6, LATENT)
    total = torch.zeros(6).double()
    for pixel in range(9):
        known = x.clone()
        known[:, pixel:] = 0.5  # whatever it is
        of_pixel = distributions.Bernoulli(logits=logits(net, known, z)[:, pixel])
        total += of_pixel.log_prob(x[:, pixel])
    torch.testing.assert_close(AutoregressiveBernoulli(net, z).log_prob(x), total)


@pytest.mark.parametrize(
    ("of_z", "of_x"),
    [
        ((3, 70), (70,)),  # K samples for each row, more rows than in a pass
        ((200, 2), (2,)),  # more samples than in a pass
        ((1,), (5,)),
        ((), (5,)),
        ((), ()),
        ((5,), ()),
        ((2, 3), (1,)),
        ((3,), (2, 1)),
        ((2, 1, 3), (4, 3)),
        ((0,), (0,)),
    ],
)
@pytest.mark.parametrize("latent", [0, LATENT])
def test_log_prob_broadcasts_as_row_by_row(of_z, of_x, latent):
    net = network(latent=latent)
    z, x = normals(*of_z, latent), bits(*of_x, 9)
    given = AutoregressiveBernoulli(net, z).log_prob(x)
    shape = torch.broadcast_shapes(of_z, of_x)
    assert given.shape == shape
    rows = zip(
        given.flatten(),
        z.expand(*shape, latent).reshape(math.prod(shape), latent),
        x.expand(*shape, 9).reshape(-1, 9),
        strict=True,
    )
    for row, own_z, own_x in itertools.islice(rows, 0, None, 23):
        alone = AutoregressiveBernoulli(net, own_z[None]).log_prob(own_x[None])
        torch.testing.assert_close(row, alone[0])


def passes(net, call):
    """How many images pass the first convolution, and the layers behind it, in a call."""
    counts = {net.image: 0, net.output: 0}

    def count(layer, arguments, _):
        counts[layer] += len(arguments[0])

    hooks = [layer.register_forward_hook(count) for layer in counts]
    with torch.no_grad():
        call()
    for hook in hooks:
        hook.remove()
    return tuple(counts.values())


def test_what_depends_on_x_alone_is_worked_out_once_for_all_samples_of_z():
    x, z = bits(70, 9), normals(5, 70, LATENT)
    net, free = network(), network(latent=0)
    assert passes(net, lambda: AutoregressiveBernoulli(net, z).log_prob(x)) == (70, 350)
    without = AutoregressiveBernoulli(free, z[..., :0])
    assert passes(free, lambda: without.log_prob(x)) == (70, 70)


def test_an_autoregressive_decoder_has_no_mean():
    with pytest.raises(Declined, match="no closed-form mean"):
        _ = AutoregressiveBernoulli(network(), normals(1, LATENT)).mean


def test_gradients_stay_bounded_where_nothing_has_been_seen():
    # a blank image leaves every pixel without a signal; thirteen normalisations of none of it
    # would each multiply the gradient by 1 / √ε = 316
    net = network(6, latent=0, blocks=13, dtype=torch.float32)
    like = AutoregressiveBernoulli(net, normals(4, 0, dtype=torch.float32))
    (-like.log_prob(torch.zeros(4, 36)).mean()).backward()
    largest = max(weight.grad.abs().max().item() for weight in net.parameters())
    assert largest < 1e4
