"""Whether a loss reaches weights."""

from torch import nn


def require_gradients(module: nn.Module, name: str) -> None:
    """Asserts that every weight that is to learn has a finite gradient."""
    for parameter, weight in module.named_parameters():
        if not weight.requires_grad:
            continue
        assert weight.grad is not None, f"{name}: no gradient reaches {parameter}"
        assert weight.grad.isfinite().all(), f"{name}: the gradient of {parameter} is not finite"


def learns(module: nn.Module) -> bool:
    """Returns whether every weight has a gradient that is not 0."""
    return all(
        weight.grad is not None and bool((weight.grad != 0).any())
        for weight in module.parameters()
    )
