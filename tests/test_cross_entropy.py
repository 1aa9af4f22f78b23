import pytest
import torch

from fmnbench import cross_entropy
from fmnbench.cross_entropy import word_log_probs
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
    gradients = []
    for kept in (cross_entropy.KEPT_BYTES, 0):
        monkeypatch.setattr(cross_entropy, "KEPT_BYTES", kept)
        leaves = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        word_log_probs(*leaves, targets).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for first, second in zip(*gradients, strict=True):
        assert torch.equal(first, second)


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


def test_nothing_is_kept_where_no_gradient_is_wanted():
    hidden, weight, targets, _ = layer(37, 5, 11)
    assert not word_log_probs(hidden, weight, targets).requires_grad
    with torch.no_grad():
        found = word_log_probs(hidden.requires_grad_(), weight, targets)
    assert found.grad_fn is None


@pytest.mark.parametrize("target", [-1, 7])
def test_a_target_that_is_no_word_is_refused(target):
    hidden, weight, _, _ = layer(1, 4, 7)
    with pytest.raises(ValueError, match=rf"targets go from {target} to {target}; words are"):
        word_log_probs(hidden, weight, torch.tensor([target]))
