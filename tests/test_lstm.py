import math

import pytest
import torch

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.lstm_lm import LSTMLM
from fmnbench.critics.hybrid import HybridCritic
from fmnbench.critics.neural import NeuralCritic
from fmnbench.data.vocabulary import END_ID, START_ID
from fmnbench.errors import UsageError
from fmnbench.rng import isolated, stream

WORDS = 9
SIZES = {"embedding": 4, "hidden": 5}
TEXTS = [[3, 4, 5, 8], [6], [2, 2, 7, 3, 3, 4], [5, 3]]


def rows(texts=TEXTS, width=9):
    x = torch.full((len(texts), width), END_ID, dtype=torch.int32)
    x[:, 0] = START_ID
    for row, text in zip(x, texts, strict=True):
        row[1 : len(text) + 1] = torch.tensor(text)
    return x


def model(kind=LSTM, **settings):
    with isolated(0, "test/weights"):
        latent = {} if kind is LSTMLM else {"latent": 3}
        return kind(WORDS, **(SIZES | latent | settings)).double().eval()


def some_z(*shape):
    return torch.randn(*shape, 3, dtype=torch.float64, generator=stream(0, "test/z"))


def cell_step(recurrence, inputs, h, c):
    """One step of an LSTM, gate by gate, in torch's order."""
    cell = recurrence.cell
    gates = cell.weight_ih @ inputs + cell.bias_ih + cell.weight_hh @ h + cell.bias_hh
    enter, forget, candidate, leave = gates.chunk(4)
    c = forget.sigmoid() * c + enter.sigmoid() * candidate.tanh()
    return leave.sigmoid() * c.tanh(), c


def word_by_word(vae, text, z):
    """log p(text | z), from the weights alone."""
    decoder = vae.decoder
    constant = decoder.mapping(z) if vae.latent else z
    c = decoder.first_cell(constant) if vae.latent else torch.zeros(5, dtype=torch.float64)
    h, total = torch.tanh(c), 0.0
    for word, following in zip([START_ID, *text], [*text, END_ID], strict=True):
        inputs = torch.cat([decoder.embedding.weight[word], constant])
        h, c = cell_step(decoder.recurrence, inputs, h, c)
        total += (decoder.output.weight @ h).log_softmax(0)[following].item()
    return total


@pytest.mark.parametrize("z_input", ["mapped", "plain"])
def test_log_prob_is_that_of_the_words_one_after_another(z_input):
    vae, z = model(z_input=z_input), some_z(4)
    expected = [word_by_word(vae, text, row) for text, row in zip(TEXTS, z, strict=True)]
    assert vae.decode(z).log_prob(rows()).tolist() == pytest.approx(expected, rel=1e-10)


def test_the_language_model_is_the_decoder_without_z():
    lm = model(LSTMLM)
    nothing = torch.zeros(4, 0, dtype=torch.float64)
    expected = [word_by_word(lm, text, nothing[0]) for text in TEXTS]
    assert lm.decode(nothing).log_prob(rows()).tolist() == pytest.approx(expected, rel=1e-10)
    assert lm.exact_log_likelihood(rows()).tolist() == pytest.approx(expected, rel=1e-10)
    assert lm.encode(rows()).kl_from_standard().sum() == 0


@pytest.mark.parametrize("width", [8, 30])
def test_padding_order_and_neighbours_change_nothing(width):
    vae, z = model(), some_z(4)
    x = rows()
    log_prob, mean = vae.decode(z).log_prob(x), vae.encode(x).mean
    other = rows(width=width)
    torch.testing.assert_close(vae.decode(z).log_prob(other), log_prob)
    torch.testing.assert_close(vae.encode(other).mean, mean)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(vae.decode(z[order]).log_prob(x[order]), log_prob[order])
    torch.testing.assert_close(vae.encode(x[order]).mean, mean[order])
    torch.testing.assert_close(vae.decode(z[1:2]).log_prob(x[1:2]), log_prob[1:2])
    torch.testing.assert_close(vae.encode(x[1:2]).mean, mean[1:2])


def test_many_samples_of_z_are_as_many_calls():
    vae, z, x = model(), some_z(6, 4), rows()
    expected = torch.stack([vae.decode(each).log_prob(x) for each in z])
    torch.testing.assert_close(vae.decode(z).log_prob(x), expected)
    assert vae.decode(z).log_prob(x).shape == (6, 4)


def test_more_rows_than_pass_together_are_the_same_rows():
    vae, z = model(), some_z(400)
    x = rows(TEXTS * 100)
    pairs = zip(z.split(4), x.split(4), strict=True)
    parts = [vae.decode(some).log_prob(texts) for some, texts in pairs]
    torch.testing.assert_close(vae.decode(z).log_prob(x), torch.cat(parts))


def test_the_encoder_reads_up_to_the_end_and_no_further():
    vae = model()
    embed, read = vae.encoder
    for text, mean, log_variance in zip(
        TEXTS,
        *(getattr(vae.encode(rows()), name) for name in ("mean", "log_variance")),
        strict=True,
    ):
        h = c = torch.zeros(5, dtype=torch.float64)
        for word in [START_ID, *text, END_ID]:
            h, c = cell_step(read.recurrence, embed.embedding.weight[word], h, c)
        expected = vae.posterior_head.weight @ h
        torch.testing.assert_close(torch.cat([mean, log_variance]), expected)


def test_probabilities_of_all_short_texts_approach_one():
    # with few words and a bias towards </s>, hardly any text has more than five words
    with isolated(0, "test/weights"):
        vae = LSTM(5, latent=3, embedding=4, hidden=5).double().eval()
    with torch.no_grad():
        vae.decoder.output.weight[END_ID] += 1.5 * torch.ones(5)
        vae.decoder.recurrence.cell.bias_ih += 1.0  # gates open: states near one
    z = some_z(1)
    totals, texts = 0.0, [[]]
    for _ in range(6):
        log_prob = vae.decode(z.expand(len(texts), -1)).log_prob(rows(texts, 9))
        totals += log_prob.exp().sum().item()
        texts = [[*text, word] for text in texts for word in (0, 2, 3, 4)]
    assert 0.98 < totals < 1


def test_every_weight_learns_and_dropout_acts_in_training_alone():
    vae, z, x = model(dropout=0.5), some_z(4), rows()
    assert torch.equal(vae.decode(z).log_prob(x), vae.decode(z).log_prob(x))
    vae.train()
    with isolated(0, "test/dropout"):
        first, second = (vae.decode(z).log_prob(x) for _ in range(2))
    assert not torch.equal(first, second)
    q = vae.encode(x)
    (q.kl_from_standard().sum() - vae.decode(q.mean).log_prob(x).sum()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in vae.parameters())


def test_gradients_are_those_of_finite_differences():
    vae, x = model(), rows()

    def loss(z):
        return vae.decode(z).log_prob(x).sum() + vae.encode(x).mean.sum()

    assert torch.autograd.gradcheck(loss, some_z(4).requires_grad_())
    for weight in (
        vae.decoder.recurrence.cell.weight_hh,
        vae.encoder[1].recurrence.cell.weight_ih,
    ):
        z = some_z(4)
        (gradient,) = torch.autograd.grad(loss(z), weight)
        step = 1e-6
        with torch.no_grad():
            weight[1, 2] += step
            above = loss(z)
            weight[1, 2] -= 2 * step
            below = loss(z)
            weight[1, 2] += step
        assert gradient[1, 2].item() == pytest.approx((above - below).item() / 2 / step, rel=1e-5)


def test_the_reports_model_has_the_weights_of_its_description():
    words, e, h, d = 20_001, 256, 1024, 32
    lstm = lambda inputs: 4 * h * (inputs + h) + 8 * h  # noqa: E731 - two uses; two biases a gate
    encoder = words * e + lstm(e) + 2 * h * d
    decoder = words * e + d * h + lstm(e + h) + h * h + h * words
    with torch.device("meta"):
        vae = LSTM(words)
    assert sum(weight.numel() for weight in vae.parameters()) == encoder + decoder


def test_the_papers_start_is_uniform_in_narrow_ranges():
    vae = model(initialisation="uniform", z_input="plain", hidden=64, embedding=32)
    for name, weight in vae.named_parameters():
        limit = 0.1 if "embedding" in name else 0.01
        assert 0.8 * limit < weight.abs().max() <= limit, name


@pytest.mark.parametrize("critic", [NeuralCritic, HybridCritic])
def test_critics_read_texts_row_by_row(critic):
    vae, x = model(), rows()
    with isolated(0, "test/critic"):
        network = critic(vae, x_hidden=6, z_hidden=6, embedding=4).double()
    (shared,) = network._shared
    features = network.x_network(shared(x))
    torch.testing.assert_close(network.x_network(shared(x[2:3])), features[2:3])
    own = {id(weight) for weight in network.parameters()}
    embedding = vae.encoder[0].embedding.weight
    assert id(embedding) not in own
    features.sum().backward()
    assert (embedding.grad is not None) == (critic is HybridCritic)


def test_results_under_autocast_are_float32_and_near():
    vae, x = model(hidden=32).float(), rows()
    z = some_z(4).float()
    exact = vae.decode(z).log_prob(x)
    with torch.autocast("cpu", torch.bfloat16):
        q, rounded = vae.encode(x), vae.decode(z).log_prob(x)
    assert q.mean.dtype == q.log_variance.dtype == rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=2**-7, atol=0)  # bfloat16 has 8 bits


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; it must be 0 or above and below 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"hidden": 0}, "hidden is 0; it must be 1 or above"),
        ({"embedding": 0}, "embedding is 0"),
    ],
)
@pytest.mark.parametrize("kind", [LSTM, LSTMLM])
def test_settings_that_make_no_model_are_refused(kind, settings, reason):
    with pytest.raises(UsageError, match=reason):
        model(kind, **settings)


def test_drawn_texts_have_the_frequencies_of_their_probabilities():
    with isolated(0, "test/weights"):
        vae = LSTM(4, latent=3, embedding=4, hidden=5).double().eval()
    z = some_z(1)
    n = 4000
    drawn = vae.decode(z.expand(n, -1)).sample(generator=stream(0, "test/draws"))
    assert drawn.dtype == torch.int32
    # <s> is never drawn, so what is left of the first word's probability is shared out
    first = torch.tensor([[2], [3]])
    logits, _ = vae.decoder.step(torch.tensor([START_ID]), vae.decoder.start(z))
    shares = logits[0, 1:].softmax(0)
    for word, share in zip(first.flatten().tolist(), shares[1:].tolist(), strict=True):
        found = (drawn[:, 1] == word).double().mean().item()
        assert abs(found - share) < 4 * math.sqrt(share * (1 - share) / n)
