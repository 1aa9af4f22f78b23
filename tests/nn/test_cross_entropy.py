import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fmnbench.nn import cross_entropy
from fmnbench.nn.cross_entropy import word_log_probs
from fmnbench.rng import stream

SIZES = [(0, 4, 7), (1, 4, 7), (37, 5, 11), (1100, 3, 1300)]  # rows, hidden units, words


def layer(m, h, v, dtype=torch.float64, scale=1.0):
    generator = stream(0, "test/layer")
    hidden = torch.randn(m, h, dtype=dtype, generator=generator) * scale
    weight = torch.randn(v, h, dtype=dtype, generator=generator)
    bias = torch.randn(v, dtype=dtype, generator=generator)
    targets = torch.randint(v, (m,), generator=generator)
    return hidden, weight, targets, bias


def plain(hidden, weight, targets, bias=None):
    logits = hidden @ weight.T
    logits = logits if bias is None else logits + bias
    return logits.log_softmax(1).gather(1, targets[:, None])[:, 0]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("biased", [False, True])
def test_values_and_gradients_are_those_of_a_log_softmax(sizes, biased):
    hidden, weight, targets, bias = layer(*sizes)
    given = [hidden, weight, *([bias] if biased else [])]
    # gradients that differ by row, some of them zero
    upstream = torch.arange(sizes[0], dtype=torch.float64) % 3 - 0.5
    upstream[::4] = 0
    results = []
    for function in (plain, word_log_probs):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        found = function(leaves[0], leaves[1], targets, *leaves[2:])
        found.backward(upstream)
        results.append([found.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_blocks_that_are_not_kept_give_the_same_gradients(monkeypatch):
    hidden, weight, targets, _ = layer(2500, 3, 50)
    monkeypatch.setattr(cross_entropy, "BLOCK_BYTES", 500 * 50 * 8)
    gradients = []
    for kept in (cross_entropy.KEPT_BYTES, 0):
        monkeypatch.setattr(cross_entropy, "KEPT_BYTES", kept)
        leaves = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        word_log_probs(*leaves, targets).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for first, second in zip(*gradients, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(("largest", "rows"), [(10 * 50 * 8, 10), (1, 1), (2**30, 1024)])
def test_no_block_is_larger_than_allowed(largest, rows, monkeypatch):
    hidden, weight, targets, _ = layer(1024, 3, 50)
    whole = word_log_probs(hidden, weight, targets)
    monkeypatch.setattr(cross_entropy, "BLOCK_BYTES", largest)
    blocks = cross_entropy._Layer(hidden, weight, None, targets, torch.float64).blocks()
    assert max(block.stop - block.start for block in blocks) == rows
    torch.testing.assert_close(word_log_probs(hidden, weight, targets), whole, rtol=1e-12, atol=0)


def test_large_logits_neither_overflow_nor_lose_the_answer():
    weight = torch.tensor([[1.0], [-1.0], [1.0 - 1e-3]])
    hidden = torch.tensor([[1e4], [-1e4]])
    found = word_log_probs(hidden, weight, torch.tensor([2, 0]))
    # logits 10,000, −10,000 and 9,990; then the same with signs changed
    assert found.tolist() == pytest.approx([-10.0, -2e4], abs=2e-3)  # 2⁻²³ of 20,000


def test_probabilities_over_all_words_sum_to_one():
    hidden, weight, _, bias = layer(1, 6, 40)
    words = torch.arange(40)
    total = word_log_probs(hidden.expand(40, -1), weight, words, bias).exp().sum()
    assert total.item() == pytest.approx(1, rel=1e-12)


def test_under_autocast_the_products_are_rounded_and_the_result_is_not():
    hidden, weight, targets, _ = layer(300, 64, 500, torch.float32, scale=0.1)
    exact = word_log_probs(hidden, weight, targets)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = word_log_probs(hidden, weight, targets)
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    # logits of about 0.8; inputs and product are rounded to 8 bits: 3 · 2⁻⁹ · 0.8, four times
    assert (exact - rounded).abs().max() < 0.02
    with torch.autocast("cpu", torch.bfloat16):
        double = word_log_probs(hidden.double(), weight.double(), targets)
    torch.testing.assert_close(double, plain(hidden.double(), weight.double(), targets))


class Tables(TorchDispatchMode):
    """Counts the tables of so many rows and words that operations allocate."""

    def __init__(self, *shape):
        super().__init__()
        self.shape, self.count = shape, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.new_empty.default:
            self.count += tuple(result.shape) == self.shape
        return result


@pytest.mark.parametrize(("wanted", "count"), [(False, 1), (True, 4)])
def test_nothing_is_kept_where_no_gradient_is_wanted(wanted, count, monkeypatch):
    hidden, weight, targets, _ = layer(2000, 2, 600, torch.float32)
    monkeypatch.setattr(cross_entropy, "BLOCK_BYTES", 500 * 600 * 4)
    with torch.set_grad_enabled(wanted), Tables(500, 600) as tables:
        found = word_log_probs(hidden.requires_grad_(), weight, targets)
    assert (found.grad_fn is not None) is wanted
    assert tables.count == count


def test_the_targets_logit_is_not_rounded_to_bfloat16():
    # nine words have a logit of 0, so that of the tenth alone, about −40, is ever rounded
    hidden, weight, _, _ = layer(50, 30, 10, torch.float32)
    weight[1:] = 0
    weight[0] = -40 / 30 * torch.linspace(0.5, 1.5, 30)
    hidden = hidden.abs() + 0.5
    with torch.autocast("cpu", torch.bfloat16):
        found = word_log_probs(hidden, weight, torch.zeros(50, dtype=torch.long))
    bits = (hidden * math.log2(math.e)).bfloat16().double() @ weight[0].bfloat16().double()
    logits = bits * math.log(2)
    truth = logits - torch.log(9 + logits.exp())
    # sums of 30 numbers in float32; 8 bits of 40 would be off by 0.1
    assert (found - truth).abs().max() < 40 * 30 * 2**-24


@pytest.mark.parametrize("target", [-1, 7])
def test_a_target_that_is_no_word_is_refused(target):
    hidden, weight, _, _ = layer(1, 4, 7)
    with pytest.raises(ValueError, match=rf"targets range from {target} to {target}; words are"):
        word_log_probs(hidden, weight, torch.tensor([target]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kept", [cross_entropy.KEPT_BYTES, 750 * 300 * 4, 0])  # all, some, none
def test_gradients_lie_as_near_to_float64_as_the_products_type_allows(dtype, kept, monkeypatch):
    monkeypatch.setattr(cross_entropy, "KEPT_BYTES", kept)
    monkeypatch.setattr(cross_entropy, "BLOCK_BYTES", 375 * 300 * 4)
    hidden, weight, targets, bias = layer(1500, 32, 300, torch.float32, scale=0.3)
    upstream = torch.rand(1500, generator=stream(0, "test/upstream"))
    exact = [tensor.double().requires_grad_() for tensor in (hidden, weight, bias)]
    plain(exact[0], exact[1], targets, exact[2]).backward(upstream.double())
    leaves = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = word_log_probs(leaves[0], leaves[1], targets, leaves[2])
    with torch.autocast("cpu", torch.bfloat16):  # which was not asked for float32's products
        found.backward(upstream)
    # each number is rounded a few times, to 2⁻²⁴ or 2⁻⁹ of itself; sums of float32 lose some more
    error = 2e-6 if dtype == torch.float32 else 4 * 2**-9
    for ours, theirs in zip(leaves, exact, strict=True):
        assert ours.grad.dtype == torch.float32
        assert (ours.grad - theirs.grad).norm() < error * theirs.grad.norm()


def test_gradients_agree_with_finite_differences():
    hidden, weight, targets, bias = layer(5, 3, 7)
    leaves = [tensor.requires_grad_() for tensor in (hidden, weight, bias)]
    assert torch.autograd.gradcheck(lambda x, w, b: word_log_probs(x, w, targets, b), leaves)


def test_a_target_that_is_almost_sure_keeps_the_digits_of_its_gradient():
    # p = 1 / (1 + e⁻³⁰): in float32, p − 1 would be 0
    hidden = torch.tensor([[30.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [0.0]])
    word_log_probs(hidden, weight, torch.tensor([0])).sum().backward()
    assert hidden.grad.item() == pytest.approx(math.exp(-30), rel=1e-5)


@pytest.mark.parametrize("low", [False, True])
def test_no_log_probability_is_above_0(low):
    # logits up to 4,000, where a rounded one is off by up to 8
    hidden, weight, _, _ = layer(400, 8, 50, torch.float32, scale=300.0)
    best = (hidden @ weight.T).argmax(1)
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        assert word_log_probs(hidden, weight, best).max() <= 0


def test_the_same_bits_come_twice():
    results = []
    for _ in range(2):
        hidden, weight, targets, _ = layer(1100, 8, 300, torch.float32)
        leaves = hidden.requires_grad_(), weight.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            found = word_log_probs(*leaves, targets)
        found.sum().backward()
        results.append([found, *(leaf.grad for leaf in leaves)])
    for first, second in zip(*results, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(("low", "size"), [(False, 4), (True, 2)])
def test_backward_keeps_one_table_in_the_products_type_and_no_more_than_allowed(
    low, size, monkeypatch
):
    m, h, v = 3000, 2, 100
    hidden, weight, targets, _ = layer(m, h, v, torch.float32)
    monkeypatch.setattr(cross_entropy, "BLOCK_BYTES", 500 * v * 4)
    leaves = hidden.requires_grad_(), weight.requires_grad_()
    for allowed, rows in ((m * v * size, m), (m * v * size - 1, m - 500), (0, 0)):
        monkeypatch.setattr(cross_entropy, "KEPT_BYTES", allowed)
        sizes = []

        def note(tensor, sizes=sizes):
            sizes.append(tensor.nbytes)
            return tensor

        with (
            torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
            torch.autocast("cpu", torch.bfloat16, enabled=low),
        ):
            word_log_probs(*leaves, targets)
        others = hidden.nbytes + weight.nbytes + targets.nbytes + 4 * m  # 4 m: the totals
        # blocks are whole: of 500 rows in float32, of 1,000 in bfloat16
        rows = rows // 1000 * 1000 if low else rows
        assert sum(sizes) == others + rows * v * size


def test_a_graph_keeps_its_own_tables_and_can_be_used_twice():
    hidden, weight, targets, _ = layer(30, 3, 7)
    hidden.requires_grad_()
    (expected,) = torch.autograd.grad(plain(hidden, weight, targets).sum(), hidden)
    first, second = (word_log_probs(hidden, weight, targets) for _ in range(2))
    for graph in (first, second, first):
        (found,) = torch.autograd.grad(graph.sum(), hidden, retain_graph=True)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_input_may_be_the_only_one_with_a_gradient(wanted):
    hidden, weight, targets, bias = layer(7, 4, 9)
    grads = []
    for function in (plain, word_log_probs):
        given = [tensor.clone() for tensor in (hidden, weight, bias)]
        given[wanted].requires_grad_()
        function(given[0], given[1], targets, given[2]).sum().backward()
        assert [tensor.grad is None for tensor in given] == [i != wanted for i in range(3)]
        grads.append(given[wanted].grad)
    torch.testing.assert_close(*grads)


def test_a_second_derivative_is_refused():
    hidden, weight, targets, _ = layer(3, 4, 5)
    found = word_log_probs(hidden.requires_grad_(), weight, targets).sum()
    with pytest.raises(RuntimeError, match="one derivative"):
        torch.autograd.grad(found, hidden, create_graph=True)


def test_targets_or_a_bias_that_would_be_broadcast_are_refused():
    # torch alone: jaxtyping's check of shapes under test would come first
    check = cross_entropy._require_shapes
    with pytest.raises(ValueError, match=r"targets have shape \(1,\); it must be \(3,\)"):
        check(3, 5, torch.zeros(1), None)
    with pytest.raises(ValueError, match=r"the bias has shape \(1,\); it must be \(5,\)"):
        check(3, 5, torch.zeros(3), torch.zeros(1))
    check(3, 5, torch.zeros(3), torch.zeros(5))
