import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fmnbench.architectures.lstm import LSTM
from fmnbench.critics.hybrid import HybridCritic
from fmnbench.critics.neural import NeuralCritic
from fmnbench.nn import lstm_layers
from fmnbench.rng import isolated, stream

END = 1
SMALL = {"latent": 2, "embedding": 3, "hidden": 4, "dropout": 0.0}
WORDS = 9
EACH = pytest.mark.parametrize("z_input", ["mapped", "plain"])


def lstm(words=WORDS, dtype=torch.float64, **settings):
    with isolated(0, "test/lstm"):
        return LSTM(words, **(SMALL | settings)).to(dtype)


def normals(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(1, "test/normals"))


def texts(*lengths, width=12, words=WORDS):
    """Rows of so many words each, in no order of length."""
    x = torch.randint(2, words, (len(lengths), width), generator=stream(2, "test/texts"))
    x[torch.arange(width) > torch.tensor(lengths)[:, None]] = END
    x[:, 0] = 0
    return x.int()


def tokens(row):
    """The ids of a row up to its first </s>."""
    ids = row.tolist()
    return ids[: ids.index(END) + 1]


def plain_step(cell, inputs, h, c):
    gates = cell.weight_ih @ inputs + cell.bias_ih + cell.weight_hh @ h + cell.bias_hh
    enter, forget, candidate, leave = gates.chunk(4)
    c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(leave) * torch.tanh(c), c


def plain_log_prob(decoder, row, z):
    """The report's or the paper's decoder, word by word, of one text at one z."""
    beside = z if isinstance(decoder.mapping, nn.Identity) else decoder.mapping.weight @ z
    c = decoder.first_cell.weight @ beside
    h, total = torch.tanh(c), 0.0
    for word, following in itertools.pairwise(tokens(row)):
        inputs = torch.cat([decoder.embedding.weight[word], beside])
        h, c = plain_step(decoder.recurrence.cell, inputs, h, c)
        total = total + torch.log_softmax(decoder.output.weight @ h, 0)[following]
    return total


@EACH
def test_log_prob_and_its_gradients_are_those_of_a_plain_loop_over_words(z_input):
    decoder = lstm(z_input=z_input).decoder
    x, z = texts(4, 0, 9, 4, 1), normals(2, 5, 2).requires_grad_()
    given = decoder.log_prob(x, z)
    truth = torch.stack(
        [
            torch.stack([plain_log_prob(decoder, *pair) for pair in zip(x, part, strict=True)])
            for part in z
        ]
    )
    torch.testing.assert_close(given, truth, rtol=1e-12, atol=0)
    upstream = normals(2, 5)
    wanted = [z, *decoder.parameters()]
    ours = torch.autograd.grad((given * upstream).sum(), wanted)
    theirs = torch.autograd.grad((truth * upstream).sum(), wanted)
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-12)
        assert mine.abs().max() > 1e-3


def test_the_encoder_reads_the_state_of_torchs_lstm_at_the_first_end_of_each_row():
    model = lstm()
    embedding, cell = model.encoder[0].embedding, model.encoder[1].recurrence.cell
    reference = nn.LSTM(3, 4, batch_first=True).double()
    reference.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    x = texts(4, 0, 9, 4, 1)
    q = model.encode(x)
    for row, mean, log_variance in zip(x, q.mean, q.log_variance, strict=True):
        ids = torch.tensor(tokens(row))
        _, (h, _) = reference(embedding(ids)[None])
        expected = model.posterior_head.weight @ h[0, 0]
        torch.testing.assert_close(torch.cat([mean, log_variance]), expected, rtol=1e-12, atol=0)


def test_a_text_that_was_cut_off_is_encoded_up_to_its_last_word():
    model = lstm()
    x = torch.tensor([[5, 6, 7], [5, 6, END], [END, END, END]], dtype=torch.int32)
    means = model.encode(x).mean
    for row, ids in zip(means, ([5, 6, 7], [5, 6, END], [END]), strict=True):
        h = c = torch.zeros(4, dtype=torch.float64)
        for word in model.encoder[0].embedding.weight[ids]:
            h, c = plain_step(model.encoder[1].recurrence.cell, word, h, c)
        expected = (model.posterior_head.weight @ h)[:2]
        torch.testing.assert_close(row, expected, rtol=1e-12, atol=0)


def test_gradients_of_the_encoder_are_those_of_torchs_lstm():
    model = lstm()
    layer, cell = model.encoder[1], model.encoder[1].recurrence.cell
    reference = nn.LSTM(3, 4).double()
    reference.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    packed = model.encoder[0](texts(4, 0, 9, 4, 1))
    upstream = normals(5, 4)
    (layer(packed) * upstream).sum().backward(retain_graph=True)
    _, (h, _) = reference(packed)
    (h[0] * upstream).sum().backward()
    for name, weight in cell.named_parameters():
        expected = getattr(reference, f"{name}_l0").grad
        torch.testing.assert_close(weight.grad, expected, rtol=1e-10, atol=1e-14)


def both(model, x, z):
    q = model.encode(x)
    return torch.cat([q.mean, q.log_variance, model.decode(z).log_prob(x)[:, None]], 1)


@EACH
def test_what_fills_rows_up_order_and_neighbours_do_not_change_a_row(z_input):
    model = lstm(z_input=z_input)
    x, z = texts(4, 0, 9, 4, 1), normals(5, 2)
    whole = both(model, x, z)
    for row in range(5):
        one = slice(row, row + 1)
        bare = torch.tensor([tokens(x[row])], dtype=torch.int32)
        torch.testing.assert_close(both(model, bare, z[one]), whole[one], rtol=1e-12, atol=0)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(both(model, x[order], z[order]), whole[order], rtol=1e-12, atol=0)
    wide = F.pad(x, (0, 30), value=END)
    torch.testing.assert_close(both(model, wide, z), whole, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_many_texts_give_in_several_passes_what_they_give_in_one(monkeypatch, rows):
    model = lstm()
    x, z = texts(4, 0, 9, 4, 1), normals(3, 5, 2)
    whole, posterior = model.decode(z).log_prob(x), model.encode(x)
    expected = torch.autograd.grad(whole.square().sum(), list(model.decoder.parameters()))
    monkeypatch.setitem(lstm_layers.ROWS, "cpu", rows)
    parts = model.decode(z).log_prob(x)
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=0)
    torch.testing.assert_close(model.encode(x).mean, posterior.mean, rtol=1e-12, atol=0)
    ours = torch.autograd.grad(parts.square().sum(), list(model.decoder.parameters()))
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


@EACH
def test_log_prob_of_several_samples_is_that_of_each_with_gradients_or_without(z_input):
    model = lstm(z_input=z_input)
    x, z = texts(4, 0, 9, 4, 1), normals(3, 5, 2)
    each = torch.stack([model.decode(part).log_prob(x) for part in z])
    torch.testing.assert_close(model.decode(z).log_prob(x), each, rtol=1e-12, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(model.decode(z).log_prob(x), each.detach(), rtol=1e-12, atol=0)


@EACH
def test_probabilities_of_short_texts_and_of_longer_beginnings_sum_to_one(z_input):
    model, longest = lstm(4, z_input=z_input), 4
    z = 3 * normals(1, 2)
    total, beginnings, state = 0.0, [()], model.decoder.start(z)
    chances = torch.ones(1, dtype=torch.float64)  # of each beginning
    last = torch.zeros(1, dtype=torch.int32)
    for length in range(longest + 1):
        rows = torch.tensor([[0, *words, END] for words in beginnings], dtype=torch.int32)
        logits, state = model.decoder.step(last, state)
        conditional = logits.softmax(1)
        exact = model.decode(z).log_prob(rows).exp()
        torch.testing.assert_close(exact, chances * conditional[:, END], rtol=1e-12, atol=0)
        total = total + exact.sum()
        following = torch.tensor([0, 2, 3])
        chances = (chances[:, None] * conditional[:, following]).flatten()
        beginnings = [(*words, word) for words in beginnings for word in following.tolist()]
        last = following.int().repeat(len(rows))
        state = tuple(part.repeat_interleave(3, 0) for part in state)
        assert len(beginnings) == 3 ** (length + 1)
    assert (total + chances.sum()).item() == pytest.approx(1, rel=1e-12)
    assert 0.05 < chances.sum() < 0.95


def test_greedy_texts_take_the_likeliest_word_of_a_plain_loop():
    model = lstm()
    nn.init.normal_(model.decoder.output.weight, generator=stream(7, "test/output"))
    z = 3 * normals(6, 2)
    rows = model.decode(z).greedy()
    decoder = model.decoder
    for row, each in zip(rows, z, strict=True):
        beside = decoder.mapping.weight @ each
        c = decoder.first_cell.weight @ beside
        h, text = torch.tanh(c), [0]
        while text[-1] != END and len(text) <= 100:
            inputs = torch.cat([decoder.embedding.weight[text[-1]], beside])
            h, c = plain_step(decoder.recurrence.cell, inputs, h, c)
            text.append(1 + int((decoder.output.weight @ h)[1:].argmax()))
        assert row.tolist()[:101] == (text + [END] * 101)[: len(row)][:101]
    assert len({tuple(row.tolist()) for row in rows}) > 2


def test_the_default_model_has_the_sizes_of_the_report():
    model = LSTM(20_001)
    encoder = 20_001 * 256 + 4096 * (256 + 1024 + 2)  # embedding, gates with two biases
    heads = 2 * 1024 * 32
    decoder = 20_001 * 256 + 32 * 1024 + 1024 * 1024  # embedding, zh and c0
    decoder += 4096 * (256 + 1024 + 1024 + 2) + 1024 * 20_001
    sizes = [
        sum(weight.numel() for weight in part.parameters())
        for part in (model.encoder, model.posterior_head, model.decoder, model)
    ]
    assert sizes == [encoder, heads, decoder, 46_564_864]


def test_the_plain_model_has_z_itself_beside_each_word():
    decoder = lstm(50, z_input="plain", latent=5, hidden=7).decoder
    assert decoder.recurrence.cell.weight_ih.shape == (28, 3 + 5)
    assert decoder.first_cell.weight.shape == (7, 5)
    assert not [*decoder.mapping.parameters()]


def test_uniform_weights_begin_as_the_papers_and_others_as_torchs():
    settings = {"embedding": 40, "hidden": 50, "latent": 20}
    ours, torchs = (lstm(99, initialisation=kind, **settings) for kind in ("uniform", "torch"))
    for name, weight in ours.named_parameters():
        bound = 0.1 if "embedding" in name else 0.01
        assert 0.9 * bound < weight.abs().max() <= bound
        # the standard error of a uniform mean, five times
        assert weight.mean().abs() < 5 * bound / (3 * weight.numel()) ** 0.5
    for name, weight in torchs.named_parameters():
        if "embedding" in name:
            assert weight.std().item() == pytest.approx(1, abs=0.05)
        else:
            bound = weight.shape[1] ** -0.5 if ".cell." not in name else 50**-0.5
            assert 0.9 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("make", [NeuralCritic, HybridCritic])
def test_critics_read_texts_and_only_the_hybrid_shares_the_embedding(make):
    model = lstm(dtype=torch.float32)
    with isolated(0, "test/critic"):
        critic = make(model)
    x, z = texts(4, 0, 9, 4, 1), normals(5, 2, dtype=torch.float32)
    critic(x, z, model.encode(x)).backward()
    shared = model.encoder[0].embedding.weight
    assert (shared.grad is not None) == (make is HybridCritic)
    assert all(weight.grad is None for weight in {*model.parameters()} - {shared})
    assert not {*critic.parameters()} & {*model.parameters()}
    own = sum(weight.numel() for weight in critic.x_network[0].parameters())
    recurrence = 16 * (3 + 4 + 2)
    assert own == recurrence + (0 if make is HybridCritic else WORDS * 3)
    assert all((weight.grad != 0).any() for weight in critic.parameters())


def test_a_trunk_with_the_encoders_weights_gives_the_encoders_states():
    model = lstm()
    x = texts(4, 0, 9, 4, 1)
    for trunk in (model.fresh_trunk(), model.shared_trunk()):
        own = trunk.own.double()
        source = model.encoder if trunk.shared is not model.encoder[0] else model.encoder[1]
        assert not torch.equal(own(trunk.shared(x)), model.encoder(x))
        own.load_state_dict(source.state_dict())
        assert torch.equal(own(trunk.shared(x)), model.encoder(x))
        assert trunk.width == model.encoder(x).shape[1]


def test_drawn_texts_begin_with_each_word_as_often_as_its_probability_says():
    model, z, n = lstm(4), normals(1, 2), 4000
    drawn = model.decode(z.expand(n, -1)).sample(generator=stream(0, "test/draws"))
    logits, _ = model.decoder.step(torch.tensor([0]), model.decoder.start(z))
    shares = logits[0, 1:].softmax(0)  # <s> is never drawn: the others share what it had
    for word, share in enumerate(shares.tolist(), 1):
        found = (drawn[:, 1] == word).double().mean().item()
        assert abs(found - share) < 4 * (share * (1 - share) / n) ** 0.5


@pytest.mark.parametrize("part", ["fresh_trunk", "shared_trunk"])
def test_a_critics_own_layers_start_as_the_encoder_does(part):
    model = lstm(99, hidden=64, embedding=32, initialisation="uniform")
    for name, weight in getattr(model, part)().own.named_parameters():
        limit = 0.1 if name.endswith("embedding.weight") else 0.01
        assert 0.9 * limit < weight.abs().max() <= limit
