"""Every registered component keeps the contract of its kind."""

import inspect

import pytest
import torch

from fmnbench.architectures.lstm import LSTM
from fmnbench.architectures.mlp import MLP
from fmnbench.nn.distributions import DiagonalNormal
from fmnbench.registry import REGISTRIES, architectures, critics, metrics, remedies
from fmnbench.testing import check_architecture, check_critic, check_remedy


@pytest.mark.parametrize("name", architectures.names())
def test_architecture_keeps_its_contract(name):
    check_architecture(name)


@pytest.mark.parametrize("name", critics.names())
def test_critic_keeps_its_contract(name):
    check_critic(name)


@pytest.mark.parametrize("name", remedies.names())
def test_remedy_keeps_its_contract(name):
    check_remedy(name)


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


class Texts(LSTM):
    def __init__(self, words):
        super().__init__(words, latent=2, embedding=3, hidden=4)


class MixesCodes(Texts):
    def encode(self, x):
        q = super().encode(x)
        return DiagonalNormal(q.mean - q.mean.mean(0), q.log_variance)


class MixesBits(MLP):
    def __init__(self, width):
        super().__init__(width, hidden=(4,))

    def encode(self, x):
        return super().encode(x - x.mean(0))


class EncodesWidth(Texts):
    def encode(self, x):
        q = super().encode(x)
        return DiagonalNormal(q.mean + x.shape[1], q.log_variance)


def altered(method, change):
    """An architecture whose likelihood's method has its result changed."""

    class Altered(Texts):
        def decode(self, z):
            like = super().decode(z)
            right = getattr(like, method)
            setattr(like, method, lambda *x, **given: change(right(*x, **given), *x))
            return like

    return Altered


class Unused(Texts):
    def __init__(self, words):
        super().__init__(words)
        self.more = torch.nn.Linear(2, 2)


class Unseeded(Texts):
    def decode(self, z):
        return super().decode(z + torch.randn_like(z))


@pytest.mark.parametrize(
    ("architecture", "complaint"),
    [
        (MixesCodes, "mixes rows when it encodes"),
        (MixesBits, "mixes rows when it encodes"),
        (EncodesWidth, "encodes what fills rows up"),
        (altered("log_prob", lambda p, x: p - p.mean()), "mixes rows when it decodes"),
        (altered("log_prob", lambda p, x: p - x.shape[1]), "decodes what fills rows up"),
        (altered("log_prob", lambda p, x: p.sum()), "not per row"),
        (altered("sample", lambda x: x.long()), "ids of torch.int64"),
        (altered("sample", lambda x: x[:, 1:]), "do not begin with <s>"),
        (altered("sample", lambda x: x + 9), "not in its vocabulary"),
        (Unused, "no gradient reaches more.weight"),
        (Unseeded, "draws from the global generator"),
    ],
)
def test_contract_of_architectures_tells_what_is_wrong(architecture, complaint, registers):
    architectures.register("wrong")(architecture)
    with pytest.raises(AssertionError, match=complaint):
        check_architecture("wrong")
