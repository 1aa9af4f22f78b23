"""Randomness is an argument: streams are independent and leave the global generator alone."""

import pytest
import torch

from fmnbench.rng import SideStream, isolated, stream


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


def test_a_side_stream_goes_on_from_block_to_block_and_leaves_the_global_generator():
    with isolated(0, "dropout"):
        without = [torch.rand(3), torch.rand(3)]
    side = SideStream(0, "critic", torch.device("cpu"))
    aside, own = [], []
    with isolated(0, "dropout"):
        for _ in range(2):
            own.append(torch.rand(3))
            with side:
                aside.append(torch.rand(3))
    assert torch.equal(torch.stack(own), torch.stack(without))
    with isolated(0, "critic"):
        expected = torch.stack([torch.rand(3), torch.rand(3)])
    assert torch.equal(torch.stack(aside), expected)


def test_a_side_stream_ends_also_where_its_block_raises():
    side = SideStream(0, "critic", torch.device("cpu"))
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), side:
        1 / torch.rand(1).item() / 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_side_stream_leaves_an_accelerators_generator_where_it_was_too():
    side = SideStream(0, "critic", torch.device("cuda"))
    before = torch.cuda.get_rng_state()
    with side:
        first = torch.rand(3, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)
    with side:
        assert not torch.equal(torch.rand(3, device="cuda"), first)
