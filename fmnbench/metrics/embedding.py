"""The space where draws meet real rows: fixed by the dataset, so that no model can bend it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from fmnbench.datasets.base import Splits

COMPONENTS = 64  # of images: distances in more dimensions tell ever less apart


def embedding(
    splits: Splits,
) -> Callable[[Float[Tensor, "n x"]], Float[Tensor, "n e"]]:
    """Returns the map of rows into the dataset's space, in float64; it depends on no model.

    Vectors stay as they are. Images go to the first 64 principal components of the training
    pixels, or to fewer where there are fewer pixels or rows.
    """
    if splits.kind == "vectors":
        return Tensor.double
    from sklearn.decomposition import PCA  # a second of import that vectors can do without

    pixels = splits.train.double().cpu().numpy()
    components = min(COMPONENTS, splits.width, len(pixels) - 1)
    # the solver draws no random numbers, and scikit-learn fixes the signs of its components
    pca = PCA(components, svd_solver="covariance_eigh").fit(pixels)
    centre = torch.from_numpy(pca.mean_)
    directions = torch.from_numpy(pca.components_.T.copy())

    def project(x: Float[Tensor, "n x"]) -> Float[Tensor, "n e"]:
        return (x.double() - centre.to(x.device)) @ directions.to(x.device)

    return project
