"""Exact nearest neighbours in two ways: a KD-tree in few dimensions, blocked products in many."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

TREE_DIMENSIONS = 6  # up to here the tree is faster; measured at 20,000 rows
VALUES = {"cpu": 2**20}  # distances per block: 8 MB
ACCELERATOR_VALUES = 2**27
CHUNK = 64  # distances that are reduced to their least before the search for the smallest
TIE = 1e-14  # relative; squared distances closer than this differ by rounding alone
RESOLUTION = 1e-7  # relative error of a squared radius at which products give way to the tree


def neighbour_distances(rows: Float[Tensor, "n e"], k: int) -> Float[Tensor, " n"]:
    """Returns the Euclidean distance of each row to its k-th nearest other row, in float64."""
    rows = rows.double()
    if rows.shape[1] <= TREE_DIMENSIONS:
        return tree_distances(rows, k)
    distances = product_distances(rows, k)
    return distances if resolved(rows, distances) else tree_distances(rows, k)


def rows_within(
    centres: Float[Tensor, "n e"], radii: Float[Tensor, " n"], rows: Float[Tensor, "m e"]
) -> Int[Tensor, " n"]:
    """Returns how many rows lie nearer to each centre than its radius.

    Strictly nearer: a distance that equals the radius up to rounding is outside.
    """
    centres, rows = centres.double(), rows.double()
    if centres.shape[1] <= TREE_DIMENSIONS or not resolved(centres, radii):
        return tree_counts(centres, radii, rows)
    return product_counts(centres, radii, rows)


def tree_distances(rows: Float[Tensor, "n e"], k: int) -> Float[Tensor, " n"]:
    """Returns the k-th distances from a KD-tree: exact anywhere, slow in many dimensions."""
    points = rows.cpu().numpy()
    # the nearest of the k + 1 is the row itself, or a duplicate just as near
    distances, _ = cKDTree(points).query(points, k + 1, workers=torch.get_num_threads())
    return torch.from_numpy(distances[:, k].copy()).to(rows.device)


def tree_counts(
    centres: Float[Tensor, "n e"], radii: Float[Tensor, " n"], rows: Float[Tensor, "m e"]
) -> Int[Tensor, " n"]:
    """Returns the counts from a KD-tree of the rows."""
    inside = (radii * (1 - TIE)).cpu().numpy()  # the tree itself counts ≤
    counts = cKDTree(rows.cpu().numpy()).query_ball_point(
        centres.cpu().numpy(), inside, return_length=True, workers=torch.get_num_threads()
    )
    return torch.from_numpy(counts).to(radii.device) * (radii > 0)


def product_distances(rows: Float[Tensor, "n e"], k: int) -> Float[Tensor, " n"]:
    """Returns the k-th distances from blocked matrix products.

    Right to RESOLUTION where they are `resolved`. The k + 1 smallest of a row of distances lie in
    the k + 1 chunks with the least minima.
    """
    rows = rows - rows.mean(0)
    n, nearest = len(rows), k + 1  # with the row itself
    chunks = max(nearest, math.ceil(n / CHUNK))
    left, right = _factors(rows, rows, chunks * math.ceil(n / chunks))
    distances = rows.square().sum(1)
    for part, products in _blocks(left, right):
        # squares[i, c, j]: |x_i − x|² − |x_i|² of row c · chunks + j, in chunk j
        squares = products.view(len(products), -1, chunks)
        least = squares.amin(1).topk(nearest, largest=False).indices
        candidates = squares.gather(2, least[:, None].expand(-1, squares.shape[1], -1))
        distances[part] += candidates.flatten(1).topk(nearest, largest=False).values[:, k]
    return distances.clamp_min_(0).sqrt_()


def product_counts(
    centres: Float[Tensor, "n e"], radii: Float[Tensor, " n"], rows: Float[Tensor, "m e"]
) -> Int[Tensor, " n"]:
    """Returns the counts from blocked matrix products; exact where centres are `resolved`."""
    centre = centres.mean(0)
    centres, rows = centres - centre, rows - centre
    rounding = _rounding(centres)
    left, right = _factors(centres, rows, len(rows))
    right[-1] *= 1 + rounding  # ties fall outside, whatever the rounding of product and radius
    thresholds = radii.square() - (1 + rounding) * centres.square().sum(1)
    counts = torch.empty(len(centres), dtype=torch.int64, device=centres.device)
    for part, squares in _blocks(left, right):
        counts[part] = (squares < thresholds[part, None]).sum(1)
    return counts


def _factors(
    x: Float[Tensor, "n e"], y: Float[Tensor, "m e"], columns: int
) -> tuple[Float[Tensor, "n f"], Float[Tensor, "f p"]]:
    """Returns a, b with (a @ b)[i, j] = |x_i − y_j|² − |x_i|²; columns past y are infinite."""
    left = torch.cat([-2 * x, torch.ones_like(x[:, :1])], 1)
    right = y.new_zeros(y.shape[1] + 1, columns)
    right[-1] = math.inf
    right[:-1, : len(y)] = y.T
    right[-1, : len(y)] = y.square().sum(1)
    return left, right


def _blocks(
    left: Float[Tensor, "n f"], right: Float[Tensor, "f p"]
) -> Iterator[tuple[slice, Float[Tensor, "r p"]]]:
    """Yields left @ right by blocks of rows, all in the same memory, with the rows they are of.

    A block of its own each time would leave holes between the small results that stay.
    """
    size = max(1, VALUES.get(right.device.type, ACCELERATOR_VALUES) // right.shape[1])
    memory = right.new_empty(min(size, len(left)), right.shape[1])
    for first in range(0, len(left), size):
        rows = left[first : first + size]
        products = torch.mm(rows, right, out=memory[: len(rows)])
        yield slice(first, first + len(rows)), products


def _rounding(rows: Float[Tensor, "n e"]) -> float:
    """Returns the error of |x|² − 2xy + |y|² over |x|² + |y|², with an 8-fold margin.

    The margin covers that the squared radius it is compared with has such an error too.
    """
    return 16 * (rows.shape[1] + 4) * torch.finfo(rows.dtype).eps


def resolved(rows: Float[Tensor, "n e"], radii: Float[Tensor, " n"]) -> bool:
    """Whether products are exact enough: no radius is tiny beside its row's distance to the mean.

    Duplicates and far-flung tight clusters are not; the tree subtracts before it squares.
    """
    lengths = (rows - rows.mean(0)).square().sum(1)
    return bool((_rounding(rows) * lengths <= RESOLUTION * radii.square()).all())
