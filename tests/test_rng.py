"""Randomness is an argument: streams are independent and leave the global generator alone."""

import pytest
import torch

from fmnbench.rng import isolated, stream


def draws(seed, purpose, n=20_000):
    return torch.empty(n).normal_(generator=stream(seed, purpose))


def test_a_stream_repeats():
    assert torch.equal(draws(3, "noise"), draws(3, "noise"))


def test_streams_of_one_seed_and_of_one_purpose_are_uncorrelated():
    base = draws(0, "noise")
    for other in (draws(1, "noise"), draws(0, "order"), draws(0, "nois")):
        correlation = torch.corrcoef(torch.stack([base, other]))[0, 1]
        assert abs(correlation) < 4 / 20_000**0.5  # four standard errors


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_isolated_blocks_restore_an_accelerators_generator_too():
    before = torch.cuda.get_rng_state()
    with isolated(0, "dropout", torch.device("cuda")):
        first = torch.rand(3, device="cuda")
    with isolated(0, "dropout", torch.device("cuda")):
        second = torch.rand(3, device="cuda")
    assert torch.equal(first, second)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_isolated_blocks_repeat_and_restore_the_global_generator():
    before = torch.get_rng_state()
    with isolated(0, "init"):
        first = torch.rand(3)
    with isolated(0, "init"):
        second = torch.rand(3)
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
