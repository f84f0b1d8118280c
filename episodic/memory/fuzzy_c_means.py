"""Fuzzy c-means clustering, many clouds of points at once."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import threshold

from episodic.errors import require, require_positive

#: Seed of the start where no generator is given.
SEED = 0
#: Iterations between two looks at which clouds have settled: the look makes a CUDA device wait.
STRIDE = 4
#: Squared distances below so many rounding errors of their terms count as 0.
ROUNDING = 16
#: Keeps 0 / 0 out: far below any squared distance that rounding leaves.
TINY = 1e-37
#: Ratios of squared distances below this come from a distance of 0.
NOTHING = 1e-30


class FuzzyClusters(NamedTuple):
    """What `fuzzy_c_means` finds; all zero where there are no points."""

    centres: Tensor  # [B, C, D]
    memberships: Tensor  # [B, N, C], of the points in these centres; 0 in an empty slot
    iterations: Tensor  # [B] long, until the centres stood still


class _Clouds(NamedTuple):
    """B clouds of points around the origin; points that are masked out lie in the origin and weigh nothing."""

    columns: Tensor  # [B, D, N]
    squares: Tensor  # [B, 1, N], squared lengths
    weights: Tensor  # [B, 1, N], 1 or 0
    limits: Tensor  # [B], centres stand still if none moves by more than this, squared

    def rows(self, chosen: Tensor) -> "_Clouds":
        return _Clouds(*(part[chosen] for part in self))


def memberships(points: Tensor, centres: Tensor, fuzziness: float = 2.0) -> Tensor:
    """How much each point belongs to each cluster: `[B, M, D]`, `[B, C, D]` -> `[B, M, C]`, summing to 1.

    `u_c = d_c^(-2/(m-1)) / sum_j d_j^(-2/(m-1))`, where d is the distance to a centre and m the fuzziness
    (Bezdek 1981, equation 11.3a). A point on a centre belongs to it alone, shared equally among centres that
    coincide; with a fuzziness of 1 every point belongs to its nearest centre alone. Distances within rounding of 0
    count as 0: in single precision, those below about two thousandths of the distances from the centres' mean.
    Differentiable, with a gradient of 0 on a centre.

    Raises:
        InputError: shapes that do not fit, a fuzziness of less than 1.
    """
    _check_shapes(points, centres)
    check_fuzziness(fuzziness)
    middle = centres.detach().mean(dim=1, keepdim=True)
    columns = (points - middle).transpose(1, 2)
    squares = columns.square().sum(dim=1, keepdim=True)
    return _memberships(columns, squares, centres - middle, fuzziness).transpose(1, 2)


@torch.no_grad()
def fuzzy_c_means(
    points: Tensor,
    clusters: int,
    fuzziness: float = 2.0,
    *,
    mask: Tensor | None = None,
    tolerance: float = 1e-4,
    max_iterations: int = 100,
    generator: torch.Generator | None = None,
    centres: Tensor | None = None,
) -> FuzzyClusters:
    """Cluster each cloud of points by alternating optimisation (Bezdek 1981, algorithm 11.1).

    Lowers `J = sum_n sum_c u_nc^m d_nc^2` by turns: memberships from the centres (see `memberships`), then
    centres `sum_n u_nc^m x_n / sum_n u_nc^m`. A cloud is left alone once none of its centres moves by more than
    `tolerance` times the root mean square distance of its points from their mean, so that its result does not
    depend on the others. A centre to which no point belongs at all goes to the mean of all points; clouds
    with fewer distinct points than clusters get centres that coincide.

    Differs from the book: it is the centres, not the memberships, that have to stand still.

    The start is k-means++ (Arthur and Vassilvitskii 2007); the same random numbers serve every cloud, so that its
    start depends on its points alone.

    Args:
        points: `[B, N, D]`.
        clusters: number of clusters C.
        fuzziness: m, 1 or more; the larger the softer. With 1 each point belongs to the nearest centre alone, which is
            k-means (Lloyd 1982).
        mask: `[B, N]` bool, False where a slot holds no point.
        tolerance: see above; without unit.
        max_iterations: at most so many.
        generator: where the start's randomness comes from, on any device; None takes one of a fixed seed.
        centres: `[B, C, D]`, a start to take instead.

    Raises:
        InputError: more clusters than points, numbers out of range, shapes that do not fit.
    """
    _check(points, clusters, fuzziness, tolerance, max_iterations, mask, centres)
    clouds, middle = _gather_clouds(points, mask, tolerance)
    start = _plus_plus(clouds, clusters, generator) if centres is None else centres - middle
    found, iterations = _settle(clouds, start, fuzziness, max_iterations)
    belonging = _memberships(clouds.columns, clouds.squares, found, fuzziness) * clouds.weights
    found = (found + middle) * clouds.weights.amax(dim=2, keepdim=True)
    return FuzzyClusters(found, belonging.transpose(1, 2), iterations)


def _gather_clouds(points: Tensor, mask: Tensor | None, tolerance: float) -> tuple[_Clouds, Tensor]:
    """The clouds, moved to the origin so that distances lose little to rounding, and their means `[B, 1, D]`."""
    if mask is None:
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
    present = mask.unsqueeze(2)
    weights = present.transpose(1, 2).to(points.dtype)
    count = weights.sum(dim=2, keepdim=True).clamp_min(1)
    middle = points.masked_fill(~present, 0).sum(dim=1, keepdim=True) / count
    columns = (points - middle).masked_fill_(~present, 0).transpose(1, 2).contiguous()
    squares = columns.square().sum(dim=1, keepdim=True)
    limits = tolerance**2 * squares.sum(dim=2, keepdim=True) / count
    return _Clouds(columns, squares, weights, limits.flatten()), middle


def _plus_plus(clouds: _Clouds, clusters: int, generator: torch.Generator | None) -> Tensor:
    """Centres `[B, C, D]` on points, each drawn with probability in proportion to d^2 from those before it."""
    columns, weights = clouds.columns, clouds.weights.squeeze(1)
    generator = generator or torch.Generator().manual_seed(SEED)
    luck = torch.empty(clusters, columns.shape[2], device=generator.device).exponential_(generator=generator)
    luck = luck.clamp_min_(TINY).to(columns)
    nearest, chosen = torch.full_like(weights, 1 / NOTHING), []
    for draw in luck:
        # The largest of w_n / E_n, E exponential, is n with probability in proportion to w_n.
        winner = (nearest.clamp_min(NOTHING) * weights / draw).argmax(dim=1)
        centre = columns.gather(2, winner.view(-1, 1, 1).expand(-1, columns.shape[1], 1))
        nearest = torch.minimum(nearest, (columns - centre).square_().sum(dim=1))
        chosen.append(centre)
    return torch.cat(chosen, dim=2).transpose(1, 2).contiguous()


def _settle(clouds: _Clouds, start: Tensor, fuzziness: float, max_iterations: int) -> tuple[Tensor, Tensor]:
    """Iterate until all centres stand still -> centres `[B, C, D]` and iterations `[B]`."""
    centres = start.clone()
    moving = torch.arange(len(start), device=start.device)
    iterations = torch.zeros_like(moving)
    for done in range(0, max_iterations, STRIDE):
        steps = min(STRIDE, max_iterations - done)
        centres[moving], taken, still = _advance(clouds.rows(moving), centres[moving], fuzziness, steps)
        iterations[moving] += taken
        moving = moving[~still]
        if len(moving) == 0:
            break
    return centres, iterations


def _advance(clouds: _Clouds, centres: Tensor, fuzziness: float, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Some iterations -> centres, iterations taken `[B]`, and `[B]` bool: the centres stand still."""
    still = torch.zeros_like(clouds.limits, dtype=torch.bool)
    taken = torch.zeros_like(still, dtype=torch.long)
    for _ in range(steps):
        taken += ~still
        updated = torch.where(still.view(-1, 1, 1), centres, _weighted_means(clouds, centres, fuzziness))
        still |= (updated - centres).square_().sum(dim=2).amax(dim=1) <= clouds.limits
        centres = updated
        if centres.device.type == "cpu" and still.all():
            break
    return centres, taken, still


def _weighted_means(clouds: _Clouds, centres: Tensor, fuzziness: float) -> Tensor:
    """Means of the points, weighted by `u^m`: `[B, C, D]`."""
    ratio = _nearness(clouds.columns, clouds.squares, centres)
    power = _to_exponent(ratio, fuzziness)
    # u = power / sum, power = ratio^p and p m = p + 1: no second power is needed for u^m.
    weight = (power * ratio).mul_(clouds.weights * power.sum(dim=1, keepdim=True).pow_(-fuzziness))
    total = weight.sum(dim=2, keepdim=True).clamp_min_(TINY)
    return torch.bmm(weight, clouds.columns.transpose(1, 2)).div_(total)


def _memberships(columns: Tensor, squares: Tensor, centres: Tensor, fuzziness: float) -> Tensor:
    """`[B, D, M]`, `[B, 1, M]`, `[B, C, D]` -> `[B, C, M]`."""
    power = _to_exponent(_nearness(columns, squares, centres), fuzziness)
    return power / power.sum(dim=1, keepdim=True)


def _to_exponent(ratio: Tensor, fuzziness: float) -> Tensor:
    if fuzziness == 1:
        return (ratio >= 1).to(ratio.dtype)
    return ratio if fuzziness == 2 else ratio.pow(1 / (fuzziness - 1))


def _nearness(columns: Tensor, squares: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre's d^2 over d^2: 1 for the nearest, 0 for all others of a point on a centre; `[B, C, M]`.

    In [0, 1], so that no power of it overflows. Clusters come first: reductions over the last dimension, when it
    is as short as they are few, are several times slower.
    """
    terms = squares + centres.square().sum(dim=2, keepdim=True)
    shrunk = 1 - ROUNDING * torch.finfo(terms.dtype).eps  # leaves less than 0 of what rounding made of 0
    squared = torch.baddbmm(terms, centres, columns, beta=shrunk, alpha=-2).clamp_min_(TINY)
    nearest = squared.detach().amin(dim=1, keepdim=True)  # a common factor of all powers: it has no gradient
    return threshold(nearest / squared, NOTHING, 0.0, inplace=True)


def _check(
    points: Tensor,
    clusters: int,
    fuzziness: float,
    tolerance: float,
    max_iterations: int,
    mask: Tensor | None,
    centres: Tensor | None,
) -> None:
    require(points.dim() == 3, f"points has shape {tuple(points.shape)}: it has to be [B, N, D]")
    batch, count, size = points.shape
    require_positive(clusters=clusters, tolerance=tolerance, max_iterations=max_iterations)
    check_fuzziness(fuzziness)
    require(clusters <= count, f"clusters is {clusters}: that is more clusters than points, {count}")
    if mask is not None:
        require(mask.shape == (batch, count), f"mask has shape {tuple(mask.shape)}: it has to be {(batch, count)}")
        require(mask.dtype == torch.bool, f"mask is of {mask.dtype}: it has to be of torch.bool")
    if centres is not None:
        wanted = (batch, clusters, size)
        require(centres.shape == wanted, f"centres has shape {tuple(centres.shape)}: it has to be {wanted}")


def _check_shapes(points: Tensor, centres: Tensor) -> None:
    require(points.dim() == 3, f"points has shape {tuple(points.shape)}: it has to be [B, M, D]")
    fit = centres.dim() == 3 and (centres.shape[0], centres.shape[2]) == (points.shape[0], points.shape[2])
    wanted = f"({points.shape[0]}, C, {points.shape[2]})"
    require(fit, f"centres has shape {tuple(centres.shape)}: it has to be {wanted}")


def check_fuzziness(fuzziness: float) -> None:
    """Raise `InputError` if the fuzziness is less than 1."""
    require(fuzziness >= 1, f"fuzziness is {fuzziness}: it has to be 1 (k-means) or more")
