"""The layers of the LSTM: gradients, work, dropout, precision, and what they refuse."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.lstm_lm import LSTMLM
from fmnbench.errors import UsageError
from fmnbench.nn.lstm_layers import WordDecoder
from fmnbench.nn.lstm_recurrence import Recurrence, Walk
from fmnbench.rng import isolated, stream

END = 1


def normals(*shape, dtype=torch.float64, purpose="values"):
    return torch.empty(shape, dtype=dtype).normal_(generator=stream(1, f"test/{purpose}"))


def texts(*lengths, width=12, words=9):
    """Rows of so many words each."""
    x = torch.randint(2, words, (len(lengths), width), generator=stream(2, "test/texts"))
    x[torch.arange(width) > torch.tensor(lengths)[:, None]] = END
    x[:, 0] = 0
    return x.int()


def decoder(dtype=torch.float64, **settings):
    sizes = {"words": 9, "latent": 2, "embedding": 3, "hidden": 4, "dropout": 0.0}
    with isolated(0, "test/decoder"):
        return WordDecoder(**(sizes | settings)).to(dtype)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("sizes", [(1,), (3, 3), (4, 2, 2, 1, 1)])
def test_gradients_of_the_recurrence_are_those_of_finite_differences(samples, sizes):
    with isolated(0, "test/recurrence"):
        layer = Recurrence(2, 3, 2).double()
    given = (
        normals(sum(sizes), 8, purpose="inputs"),
        normals(sizes[0], samples, 8, purpose="rows"),
        normals(sizes[0], samples, 2, purpose="h"),
        normals(sizes[0], samples, 2, purpose="c"),
    )
    weight = layer.cell.weight_hh

    def states(*tensors):
        return layer(*tensors, Walk(sizes=sizes, keep=True))

    given = [tensor.requires_grad_() for tensor in given]
    assert torch.autograd.gradcheck(states, given)
    before = states(*given)
    upstream = normals(*before.shape, purpose="upstream")
    (slope,) = torch.autograd.grad((before * upstream).sum(), weight)
    direction, step = normals(8, 2, purpose="direction"), 1e-6
    with torch.no_grad():
        weight += step * direction
        after = states(*given)
        weight -= 2 * step * direction
        change = ((after - states(*given)) * upstream).sum() / (2 * step)
    assert (slope * direction).sum().item() == pytest.approx(change.item(), rel=1e-6)


def test_first_states_in_another_order_of_memory_have_the_same_gradients():
    layer = Recurrence(2, 3, 2).double()
    sizes = (4, 2, 1)
    of_inputs, of_rows = normals(7, 8, purpose="inputs"), normals(4, 3, 8, purpose="rows")
    plain = normals(4, 3, 2, purpose="h")
    turned = plain.transpose(0, 1).contiguous().transpose(0, 1)
    found = []
    for first in (plain, turned):
        h, c = first.clone().requires_grad_(), first.clone().requires_grad_()
        states = layer(of_inputs, of_rows, h, c, Walk(sizes=sizes, keep=True))
        found.append(torch.autograd.grad(states.square().sum(), (h, c)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=0)
    assert turned.stride() != plain.stride()


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("constant", [3, 0])
def test_torchs_lstm_gives_the_same_states_and_gradients(samples, constant):
    with isolated(0, "test/recurrence"):
        layer = Recurrence(2, constant, 4).double()
    sizes = (4, 2, 2, 1)
    given = [
        normals(sum(sizes), 2, purpose="inputs"),
        normals(4, samples, constant, purpose="constant"),
        normals(4, samples, 4, purpose="h"),
        normals(samples, 4, 4, purpose="c").transpose(0, 1),
    ]
    for tensor in given:
        tensor.requires_grad_()
    inputs, *of_rows = given
    walk = Walk(sizes=sizes, keep=True)
    found = []
    for states in (layer.over(inputs, walk)(*of_rows), layer.by_cudnn(inputs, walk, *of_rows)):
        upstream = normals(*states.shape, purpose="upstream")
        every = [tensor for tensor in (*given, *layer.parameters()) if tensor.numel()]
        found.append((states, *torch.autograd.grad((states * upstream).sum(), every)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)


def work(call):
    """Multiplications and additions of all matrix products."""

    def in_place(gates, first, second, **_):
        return 2 * first[0] * first[1] * second[1]

    known = {torch.ops.aten.addmm_: in_place}
    with FlopCounterMode(display=False, custom_mapping=known) as counter:
        call()
    return counter.get_total_flops()


def test_the_work_of_texts_is_that_of_each_alone_whatever_fills_them_up():
    model = LSTM(9, latent=2, embedding=3, hidden=4)
    x, z = texts(10, 0, 3, 1), normals(4, 2, dtype=torch.float32)

    def passes(x, z):
        loss = model.encode(x).mean.sum() + model.decode(z).log_prob(x).sum()
        loss.backward()

    rows = [slice(row, row + 1) for row in range(4)]
    alone = [work(lambda row=row: passes(x[row], z[row])) for row in rows]
    assert work(lambda: passes(x, z)) == sum(alone)
    assert alone[0] > 4 * alone[1]


def test_what_of_the_work_depends_on_texts_alone_is_done_once_for_all_samples():
    layers = decoder()
    x, z = texts(10, 0, 3, 1), normals(5, 4, 2)
    with torch.no_grad():
        of = [work(lambda k=k: layers.log_prob(x, z[:k])) for k in (1, 2, 5)]
    predicted, gates = 10 + 0 + 3 + 1 + 4, 4 * 4
    sample = of[1] - of[0]
    assert of[2] - of[0] == 4 * sample
    assert of[0] - sample == 2 * predicted * 3 * gates
    # z to zh, zh to c0 and to the gates; then the steps, and the words
    assert sample == 2 * 4 * (2 * 4 + 4 * 4 + 4 * gates) + 2 * predicted * (4 * gates + 4 * 9)


def test_a_step_is_one_of_the_recurrence():
    layers = decoder()
    z, ids = normals(3, 2), torch.tensor([0, 5, 7], dtype=torch.int32)
    h, c, of_rows = layers.start(z)
    of_inputs = layers.recurrence.of_inputs(layers.embedding(ids))
    walk = Walk(sizes=(3,), keep=False)
    states = layers.recurrence(of_inputs, of_rows[:, None], h[:, None], c[:, None], walk)
    logits, (after, _, rows) = layers.step(ids, (h, c, of_rows))
    torch.testing.assert_close(after, states[:, 0], rtol=1e-12, atol=0)
    torch.testing.assert_close(logits, after @ layers.output.weight.T, rtol=1e-12, atol=0)
    assert torch.equal(rows, of_rows)


def test_dropout_is_of_embeddings_and_outgoing_states_and_in_training_only():
    whole, layers = decoder(), decoder(dropout=0.5)
    x, z = texts(8), normals(1, 1, 2)
    torch.testing.assert_close(layers.eval().log_prob(x, z), whole.log_prob(x, z))
    with isolated(0, "test/dropout"):
        given = layers.train().log_prob(x, z)
    with isolated(0, "test/dropout"):
        of_embeddings = F.dropout(torch.ones(9, 3).double(), 0.5)
        of_states = F.dropout(torch.ones(9, 1, 4).double(), 0.5)[:, 0]
    zh = layers.mapping(z[0, 0])
    c = layers.first_cell(zh)[None]
    h, total = c.tanh(), 0.0
    for place in range(9):
        embedded = layers.embedding.weight[x[0, place]] * of_embeddings[place]
        h, c = layers.recurrence.cell(torch.cat([embedded, zh])[None], (h, c))
        logits = layers.output.weight @ (h[0] * of_states[place])
        total += torch.log_softmax(logits, 0)[x[0, place + 1]]
    torch.testing.assert_close(given[0, 0], total, rtol=1e-12, atol=0)
    assert {*of_embeddings.unique().tolist(), *of_states.unique().tolist()} == {0.0, 2.0}


@pytest.mark.parametrize("make", [LSTM, LSTMLM])
def test_models_pass_their_dropout_on(make):
    with isolated(0, "test/models"):
        model = make(9, embedding=3, hidden=4, dropout=0.5)
        x, z = texts(8, 3), normals(2, model.latent, dtype=torch.float32)
        first, second = (model.decode(z).log_prob(x) for _ in range(2))
        assert (first != second).all()
        first, second = (model.eval().decode(z).log_prob(x) for _ in range(2))
    assert torch.equal(first, second)


class Largest(TorchDispatchMode):
    """Notes the most numbers that a result of any operation has."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            self.values = max(self.values, result.numel())
        return result


def test_gates_of_all_steps_are_kept_for_gradients_only():
    layers, x, z = decoder(), texts(10, 0, 3, 1), normals(20, 4, 2)
    predicted, gates = 10 + 0 + 3 + 1 + 4, 4 * 4
    with Largest() as kept:
        layers.log_prob(x, z)
    with torch.no_grad(), Largest() as passing:
        layers.log_prob(x, z)
    assert kept.values == predicted * 20 * gates
    assert passing.values <= predicted * 20 * 9  # the logits of nine words


def test_in_bf16_results_come_in_float32_and_near_the_exact_ones():
    with isolated(0, "test/lstm"):
        model = LSTM(50, latent=4, embedding=16, hidden=32, dropout=0.0)
    x, z = texts(10, 0, 3, 1, words=50), normals(2, 4, 4, dtype=torch.float32)
    q, exact = model.encode(x), model.decode(z).log_prob(x)
    expected = torch.autograd.grad(exact.sum() + q.mean.sum(), list(model.parameters()))
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.encode(x)
        given = model.decode(z).log_prob(x)
        logits, _ = model.decoder.step(x[:, 0], model.decoder.start(z[0]))
    for tensor in (given, rough.mean, rough.log_variance, logits):
        assert tensor.dtype == torch.float32
    # numbers of 8 bits: relative errors of about 0.004 in states, much less in their sums
    torch.testing.assert_close(given, exact, rtol=0.01, atol=0)
    torch.testing.assert_close(rough.mean, q.mean, rtol=0.05, atol=0.005)
    ours = torch.autograd.grad(given.sum() + rough.mean.sum(), list(model.parameters()))
    for mine, theirs in zip(ours, expected, strict=True):
        assert mine.dtype == torch.float32
        assert F.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0) > 0.999


def test_cells_are_summed_in_float32_where_products_are_in_bf16():
    layer = Recurrence(2, 0, 1)
    for weight in layer.parameters():
        nn.init.zeros_(weight)
    steps = 600
    # gates that are open but for the candidate, which adds 0.001 at each step
    gates = torch.tensor([20.0, 20.0, 0.001, 20.0]).expand(steps, 4).bfloat16()
    zeros = torch.zeros(1, 1, 1)
    rows = torch.zeros(1, 1, 4)
    states = layer(gates, rows, zeros, zeros, Walk(sizes=(1,) * steps, keep=False))
    step = gates[0, 2].float().tanh().item()
    # in bf16 the sum would stay at 0.5, where a thousandth is less than half a unit
    assert states[-1].item() == pytest.approx(torch.tensor(steps * step).tanh().item(), rel=0.01)


@pytest.mark.parametrize("make", [LSTM, LSTMLM])
@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; it must be 0 or above and below 1"),
        ({"dropout": -0.1}, "dropout is -0.1; it must be"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"hidden": 0}, "hidden is 0; it must be 1 or above"),
        ({"embedding": -3}, "embedding is -3; it must be 1 or above"),
    ],
)
def test_settings_that_make_no_model_are_refused(make, settings, complaint):
    with pytest.raises(UsageError, match=complaint):
        make(9, **settings)


def test_an_lstm_without_a_latent_is_refused():
    with pytest.raises(UsageError, match="latent is 0; it must be 1 or above"):
        LSTM(9, latent=0)


@pytest.mark.parametrize("row", [[0, 5, 6, 7], [1, 1, 1, 1]])
def test_rows_that_are_no_whole_texts_have_no_likelihood(row):
    x = torch.tensor([row, [0, 5, 1, 1]], dtype=torch.int32)
    with pytest.raises(AssertionError, match="no </s> after its <s>"):
        decoder().log_prob(x, normals(1, 2, 2))
