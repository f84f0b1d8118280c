"""Memberships of points in fuzzy clusters, by their distances to the cluster centres."""

import torch
from torch import Tensor
from torch.nn.functional import threshold

from episodic.errors import require

#: Squared distances below this many rounding errors of their terms count as 0.
ROUNDING = 16
#: Prevents 0 / 0: far below every squared distance that survives rounding.
TINY = 1e-37
#: Ratios of squared distances below this come from a distance of 0.
NOTHING = 1e-30
#: Squares of coordinates outside these limits may overflow or vanish: such points are rescaled.
SMALLEST, LARGEST = 2.0**-20, 2.0**20
#: Largest exponent of a rescaling, so that the factor itself neither overflows nor vanishes.
MOST_DOUBLINGS = 120


def memberships(points: Tensor, centres: Tensor, fuzziness: float = 2.0) -> Tensor:
    """Compute how much each point belongs to each cluster; the memberships of a point sum to 1.

    `u_c = d_c^(-2/(m-1)) / sum_j d_j^(-2/(m-1))`, where d is the distance to a centre and m the fuzziness
    (Bezdek 1981, equation 11.3a). A point on a centre belongs only to it, shared equally among centres that
    coincide. With a fuzziness of 1 every point belongs only to its nearest centre. Distances within rounding of 0
    count as 0: in single precision, those below about two thousandths of the distances from the centres' mean.
    Differentiable, with a gradient of 0 on a centre. The unit of length does not matter.

    >>> points, centres = torch.tensor([[[1.0]]]), torch.tensor([[[0.0], [3.0]]])
    >>> memberships(points, centres)
    tensor([[[0.8000, 0.2000]]])

    Shapes: points `[B, M, D]`, centres `[B, C, D]` -> `[B, M, C]`. A point that is not finite gets NaN.

    Raises:
        InputError: shapes or dtypes that do not fit, a fuzziness below 1.
    """
    check_points(points, "M")
    _check_centres(points, centres)
    check_fuzziness(fuzziness)
    scale = rescaling(points, centres)
    points, centres = points * scale, centres * scale
    middle = centres.detach().mean(dim=1, keepdim=True)
    columns = (points - middle).transpose(1, 2)
    squares = columns.square().sum(dim=1, keepdim=True)
    return centred_memberships(columns, squares, centres - middle, fuzziness).transpose(1, 2)


def centred_memberships(columns: Tensor, squares: Tensor, centres: Tensor, fuzziness: float) -> Tensor:
    """Memberships `[B, C, M]` of points around the origin.

    Shapes: points as columns `[B, D, M]`, their squared lengths `[B, 1, M]`, centres `[B, C, D]`.
    """
    power = to_exponent(nearness(columns, squares, centres), fuzziness)
    return power / power.sum(dim=1, keepdim=True)


def nearness(columns: Tensor, squares: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre's d^2 over d^2: 1 for the nearest, 0 for all others of a point on a centre; `[B, C, M]`.

    All ratios lie in [0, 1], so that no power of them overflows. Clusters come before points: reductions over a short
    last dimension are several times slower. Shapes as in `centred_memberships`.
    """
    terms = squares + centres.square().sum(dim=2, keepdim=True)
    shrunk = 1 - ROUNDING * torch.finfo(terms.dtype).eps  # makes a rounded 0 negative
    squared = torch.baddbmm(terms, centres, columns, beta=shrunk, alpha=-2).clamp_min_(TINY)
    nearest = squared.detach().amin(dim=1, keepdim=True)  # a common factor of all powers: it has no gradient
    return threshold(nearest / squared, NOTHING, 0.0, inplace=True)


def to_exponent(ratio: Tensor, fuzziness: float) -> Tensor:
    """`ratio^(1/(m-1))`; with a fuzziness m of 1, 1 for the nearest centre and 0 for the others."""
    if fuzziness == 1:
        return (ratio >= 1).to(ratio.dtype)
    return ratio if fuzziness == 2 else ratio.pow(1 / (fuzziness - 1))


def rescaling(*clouds: Tensor) -> Tensor:
    """The power of two `[B, 1, 1]` that brings extreme coordinates near 1; 1 for all others.

    A power of two changes no digit of a result. Shapes: `[B, M, D]` each, with any M.
    """
    peak = torch.cat([cloud.detach().abs().flatten(1) for cloud in clouds], dim=1).amax(dim=1)
    exponent = torch.frexp(peak).exponent.clamp(-MOST_DOUBLINGS, MOST_DOUBLINGS)
    extreme = (peak < SMALLEST) | (peak > LARGEST)
    return torch.where(extreme, torch.ldexp(torch.ones_like(peak), -exponent), 1.0).view(-1, 1, 1)


def check_points(points: Tensor, count: str) -> None:
    """Raise `InputError` unless points are `[B, N, D]` in single or double precision; `count` is N's name."""
    require(points.dim() == 3, f"points has shape {tuple(points.shape)}: it must be [B, {count}, D]")
    _check_dtype("points", points, (torch.float32, torch.float64))


def _check_centres(points: Tensor, centres: Tensor) -> None:
    fit = centres.dim() == 3 and (centres.shape[0], centres.shape[2]) == (points.shape[0], points.shape[2])
    wanted = f"({points.shape[0]}, C, {points.shape[2]}) with 1 centre or more"
    fit = fit and centres.shape[1] > 0
    require(fit, f"centres has shape {tuple(centres.shape)}: it must be {wanted}")
    _check_dtype("centres", centres, (points.dtype,))


def _check_dtype(name: str, tensor: Tensor, wanted: tuple[torch.dtype, ...]) -> None:
    require(tensor.dtype in wanted, f"{name} is of {tensor.dtype}: it must be of {' or '.join(map(str, wanted))}")


def check_fuzziness(fuzziness: float) -> None:
    """Raise `InputError` if the fuzziness is below 1."""
    require(fuzziness >= 1, f"fuzziness is {fuzziness}: it must be 1 (k-means) or more")
