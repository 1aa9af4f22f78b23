"""Every registered component keeps the contract of its kind."""

import inspect

import pytest
import torch

from fmnbench.critics.base import Critic
from fmnbench.registry import REGISTRIES, architectures, critics, metrics, objectives
from fmnbench.testing import check_architecture, check_critic, check_objective


@pytest.mark.parametrize("name", architectures.names())
def test_architecture_keeps_its_contract(name):
    check_architecture(name)


@pytest.mark.parametrize("name", critics.names())
def test_critic_keeps_its_contract(name):
    check_critic(name)


@pytest.mark.parametrize("name", objectives.names())
def test_objective_keeps_its_contract(name):
    check_objective(name)


@pytest.mark.parametrize(
    ("registry", "name"),
    [(registry, name) for registry in REGISTRIES.values() for name in registry.names()],
    ids=str,
)
def test_component_says_what_it_is_and_where_it_comes_from(registry, name):
    entry = registry.entry(name)
    assert entry.summary.endswith(".")
    assert entry.source
    assert inspect.getdoc(registry.get(name)).startswith(entry.summary)


@pytest.mark.parametrize("name", metrics.names())
def test_metric_declares_unit_and_direction(name):
    attributes = metrics.entry(name).attributes
    assert attributes["unit"]
    assert attributes["better"] in ("lower", "higher", None)


class Half(Critic):
    bounds_information = True

    def forward(self, x, z, q):
        return z.square().mean()


class Ordered(Critic):
    def forward(self, x, z, q):
        return (z[:, 0] * torch.arange(len(z))).mean()


class Detached(Critic):
    def forward(self, x, z, q):
        return z.detach().square().mean().requires_grad_()


@pytest.mark.parametrize(
    ("critic", "complaint"),
    [(Half, "at chance"), (Ordered, "order of rows"), (Detached, "no gradient to the encoder")],
)
def test_contract_of_critics_tells_what_is_wrong(critic, complaint):
    critics.register("wrong")(critic)
    try:
        with pytest.raises(AssertionError, match=complaint):
            check_critic("wrong")
    finally:
        del critics._entries["wrong"], critics._objects["wrong"]
