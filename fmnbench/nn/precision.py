"""Reduced precision: where a track asks for it, products of matrices run in bfloat16."""

import torch

from fmnbench.spec import Precision


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Returns the context that a model's passes run in; it does nothing but for bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
