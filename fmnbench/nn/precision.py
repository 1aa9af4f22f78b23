"""Reduced precision: matrix products in bfloat16, for tracks that ask for it."""

import torch

from fmnbench.spec import Precision


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Returns the context for the passes of a model; it has no effect unless `bf16`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
