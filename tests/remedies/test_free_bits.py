"""Free bits: what is free, and of which sums."""

import pytest
import torch

from fmnbench.remedies.kl_term import free_bits

KL = [[0.2, 3.0, 0.1], [1.4, 0.3, 0.2]]  # rows × dimensions, nats


@pytest.mark.parametrize(
    ("per", "rows", "slopes"),
    [
        # thresholds of 1.5 / 3 = 0.5 a dimension, or 1.5 in all
        ("row", [0.5 + 3.0 + 0.5, 1.4 + 0.5 + 0.5], [[0, 1, 0], [1, 0, 0]]),
        # means 0.8, 1.65, 0.15: the last is free
        ("batch", [0.2 + 3.0 + 0.5, 1.4 + 0.3 + 0.5], [[1, 1, 0], [1, 1, 0]]),
        ("total", [3.3, 1.9], [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_a_kl_below_its_threshold_has_no_gradient(per, rows, slopes):
    kl = torch.tensor(KL, dtype=torch.float64, requires_grad=True)
    loss = free_bits(kl, 1.5, per)
    assert loss.tolist() == pytest.approx(rows)
    loss.sum().backward()
    assert kl.grad.tolist() == slopes


def test_a_whole_row_below_the_total_threshold_costs_the_threshold_and_has_no_gradient():
    kl = torch.tensor(KL, requires_grad=True)
    loss = free_bits(kl, 2.5, "total")
    assert loss.tolist() == pytest.approx([3.3, 2.5])
    loss.sum().backward()
    assert kl.grad.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_the_mean_of_the_batchwise_form_is_that_of_kingma_et_al():
    kl = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    expected = sum(max(0.5, kl[:, d].mean().item()) for d in range(4))
    assert free_bits(kl, 2.0, "batch").mean().item() == pytest.approx(expected, rel=1e-6)
