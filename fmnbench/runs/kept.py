"""The weights that are kept of a run: its VAE's after training, and those of its best epoch."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from fmnbench.architectures.base import VAE
from fmnbench.errors import RecordError
from fmnbench.files import write_atomically
from fmnbench.metrics.base import BestEpoch

EPOCH = "best/epoch"  # the number of the best epoch, where it is known
OF_BEST = "best/weights/"  # before the names of its weights, where it was not the last


def keep(path: Path, vae: VAE, best: BestEpoch | None) -> None:
    """Writes the weights of a VAE, and of its best epoch, by name in one file."""
    tensors: dict[str, Tensor] = dict(vae.state_dict())
    if best is not None:
        tensors[EPOCH] = torch.tensor(best.epoch)
        tensors |= {OF_BEST + name: weight for name, weight in (best.weights or {}).items()}
    contiguous = {name: weight.contiguous() for name, weight in tensors.items()}
    write_atomically(path, save(contiguous))


def kept(path: Path) -> tuple[Mapping[str, Tensor], BestEpoch | None]:
    """Returns what `keep` wrote; of an older file the best epoch is not known.

    Raises RecordError where the file cannot be read.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise not_of_run(path, error) from error
    epoch = tensors.pop(EPOCH, None)
    names = [name for name in tensors if name.startswith(OF_BEST)]
    weights = {name.removeprefix(OF_BEST): tensors.pop(name) for name in names}
    if epoch is None:
        return tensors, None
    return tensors, BestEpoch(epoch=int(epoch), weights=weights or None)


def not_of_run(path: Path, error: Exception) -> RecordError:
    """Returns the error of a file that has other weights, or none."""
    reason = str(error).split("\n")[0]
    return RecordError(f"{path} has not the weights of this run: {reason}.")
