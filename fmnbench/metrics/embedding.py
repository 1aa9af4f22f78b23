"""The space where draws meet real rows: fixed by the dataset, so that no model can bend it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Num
from scipy.sparse import csr_array
from torch import Tensor

from fmnbench.data.tokens import unpadded
from fmnbench.data.vocabulary import END_ID
from fmnbench.datasets.base import Splits
from fmnbench.errors import DataError
from fmnbench.files import write_atomically

COMPONENTS = 64  # of images and texts: distances in more dimensions tell ever less apart
FILE = "embedding.safetensors"
SEED = 0  # of the vector that the search for singular vectors starts from

Fit = Mapping[str, np.ndarray]
Map = Callable[[Num[Tensor, "n x"]], Float[Tensor, "n e"]]


def embedding(splits: Splits) -> Map:
    """Returns the map of rows into the dataset's space, in float64; it depends on no model.

    Vectors stay as they are. Images go to the first 64 principal components of the training
    pixels, texts to the first 64 singular vectors of the training texts' TF-IDF weights; to
    fewer where there are fewer values or rows. What was fitted lies beside data of the cache.
    """
    if splits.kind == "vectors":
        return Tensor.double
    fit, make = (_fit_texts, _of_texts) if splits.kind == "texts" else (_fit_images, _of_images)
    if splits.derived is None:
        return make(fit(splits))
    path = splits.derived / FILE
    if not path.is_file():
        from safetensors.numpy import save

        write_atomically(path, save(dict(fit(splits))))
    return make(_kept(path))


def _kept(path: Path) -> Fit:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it.") from error


def _fit_images(splits: Splits) -> Fit:
    from sklearn.decomposition import PCA  # a second of import that vectors can do without

    pixels = splits.train.double().cpu().numpy()
    components = min(COMPONENTS, splits.width, len(pixels) - 1)
    # the solver draws no random numbers, and scikit-learn fixes the signs of its components
    pca = PCA(components, svd_solver="covariance_eigh").fit(pixels)
    return {"centre": pca.mean_, "directions": np.ascontiguousarray(pca.components_.T)}


def _of_images(fit: Fit) -> Map:
    centre, directions = (torch.from_numpy(fit[name]) for name in ("centre", "directions"))

    def project(x: Float[Tensor, "n x"]) -> Float[Tensor, "n e"]:
        return (x.double() - centre.to(x.device)) @ directions.to(x.device)

    return project


def _fit_texts(splits: Splits) -> Fit:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    assert splits.vocabulary is not None
    counts = _counts(splits.train, len(splits.vocabulary))
    weights = TfidfTransformer()
    weighted = weights.fit_transform(counts)
    components = min(COMPONENTS, min(counts.shape) - 1)
    svd = TruncatedSVD(components, algorithm="arpack", random_state=SEED).fit(weighted)
    return {"idf": weights.idf_, "directions": np.ascontiguousarray(svd.components_.T)}


def _of_texts(fit: Fit) -> Map:
    idf, directions = fit["idf"], fit["directions"]

    def project(x: Num[Tensor, "n x"]) -> Float[Tensor, "n e"]:
        # as TfidfTransformer: counts times idf, each text scaled to length 1; an empty one stays 0
        weighted = _counts(x, len(idf)).multiply(idf).tocsr()
        lengths = np.sqrt(weighted.multiply(weighted).sum(1))
        features = (weighted @ directions) / np.where(lengths > 0, lengths, 1.0)[:, None]
        return torch.from_numpy(features).to(x.device)

    return project


def _counts(rows: Num[Tensor, "n t"], words: int) -> csr_array:
    """Returns how often each text has each word; <s> and </s> count for nothing."""
    texts = unpadded(rows.cpu().numpy())
    counts = csr_array(
        (np.ones(len(texts.tokens)), texts.tokens, texts.offsets), shape=(len(rows), words)
    )
    counts.sum_duplicates()
    counts.data[counts.indices <= END_ID] = 0
    counts.eliminate_zeros()
    return counts
