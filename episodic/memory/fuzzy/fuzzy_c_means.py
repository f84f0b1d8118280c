"""Fuzzy c-means clustering of many clouds of points at once."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.memory.fuzzy.memberships import (
    NOTHING,
    TINY,
    centred_memberships,
    check_fuzziness,
    check_points,
    nearness,
    rescaling,
    to_exponent,
)

#: Seed of the start if no generator is given.
SEED = 0
#: Iterations between two checks which clouds have settled: a check makes a CUDA device wait.
STRIDE = 4


class FuzzyClusters(NamedTuple):
    """The result of `fuzzy_c_means`; all zero for a cloud without points."""

    centres: Tensor  # [B, C, D]
    memberships: Tensor  # [B, N, C], of the points in these centres; 0 in an empty slot
    iterations: Tensor  # [B] long, until the centres stood still


class _Clouds(NamedTuple):
    """B clouds of points around the origin; masked points lie in the origin and weigh nothing."""

    columns: Tensor  # [B, D, N]
    squares: Tensor  # [B, 1, N], squared lengths
    weights: Tensor  # [B, 1, N], 1 or 0
    limits: Tensor  # [B], centres stand still if none moves by more than this, squared

    def rows(self, chosen: Tensor) -> "_Clouds":
        return _Clouds(*(part[chosen] for part in self))


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

    Lowers `J = sum_n sum_c u_nc^m d_nc^2` in turns: memberships from the centres (see `memberships`), then
    centres `sum_n u_nc^m x_n / sum_n u_nc^m`. A cloud stops once none of its centres moves by more than
    `tolerance` times the root mean square distance of its points from their mean. Its result depends neither on the
    other clouds nor on the unit of length. A centre to which no point belongs at all moves to the mean of all points.
    Clouds with fewer distinct points than clusters get centres that coincide.

    Differs from the book: the centres, not the memberships, have to stand still.

    The start is k-means++ (Arthur and Vassilvitskii 2007). All clouds share the same random numbers, so that a
    cloud's start depends only on its points.

    >>> points = torch.tensor([[[0.0], [0.2], [5.0], [5.2]]])
    >>> fuzzy_c_means(points, clusters=2).centres.flatten().sort().values.round(decimals=1)
    tensor([0.1000, 5.1000])

    Args:
        points: `[B, N, D]`, in single or double precision.
        clusters: number of clusters C.
        fuzziness: m, 1 or more; the larger the softer. With 1 each point belongs only to the nearest centre, which is
            k-means (Lloyd 1982).
        mask: `[B, N]` bool, False where a slot holds no point.
        tolerance: largest movement of a settled centre, relative to the cloud's spread.
        max_iterations: upper bound of the iterations.
        generator: source of the start's randomness, on any device; None takes one with a fixed seed.
        centres: `[B, C, D]`, a start to use instead.

    Raises:
        InputError: more clusters than points, numbers out of range or not finite, shapes or dtypes that do not fit.
    """
    _check(points, clusters, mask, centres)
    require_positive(tolerance=tolerance, max_iterations=max_iterations)
    check_fuzziness(fuzziness)
    clouds, middle, scale = _gather_clouds(points, mask, tolerance)
    start = _plus_plus(clouds, clusters, generator) if centres is None else centres * scale - middle
    settled, iterations = _settle(clouds, start, fuzziness, max_iterations)
    belonging = centred_memberships(clouds.columns, clouds.squares, settled, fuzziness) * clouds.weights
    settled = (settled + middle) * clouds.weights.amax(dim=2, keepdim=True) / scale
    return FuzzyClusters(settled, belonging.transpose(1, 2), iterations)


def _gather_clouds(points: Tensor, mask: Tensor | None, tolerance: float) -> tuple[_Clouds, Tensor, Tensor]:
    """The clouds, scaled and moved to the origin against rounding; their means `[B, 1, D]`; the scales `[B, 1, 1]`."""
    if mask is None:
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)
    present = mask.unsqueeze(2)
    points = points.masked_fill(~present, 0)
    require(bool(points.isfinite().all()), "points holds NaN or infinite numbers: every number must be finite")
    scale = rescaling(points)
    points = points * scale
    weights = present.transpose(1, 2).to(points.dtype)
    count = weights.sum(dim=2, keepdim=True).clamp_min(1)
    middle = points.sum(dim=1, keepdim=True) / count
    columns = (points - middle).masked_fill_(~present, 0).transpose(1, 2).contiguous()
    squares = columns.square().sum(dim=1, keepdim=True)
    limits = tolerance**2 * squares.sum(dim=2, keepdim=True) / count
    return _Clouds(columns, squares, weights, limits.flatten()), middle, scale


def _plus_plus(clouds: _Clouds, clusters: int, generator: torch.Generator | None) -> Tensor:
    """Centres `[B, C, D]` on points, each drawn with probability proportional to d^2 from those before it."""
    columns, weights = clouds.columns, clouds.weights.squeeze(1)
    generator = generator or torch.Generator().manual_seed(SEED)
    luck = torch.empty(clusters, columns.shape[2], device=generator.device).exponential_(generator=generator)
    luck = luck.clamp_min_(TINY).to(columns)
    nearest, chosen = torch.full_like(weights, 1 / NOTHING), []
    for draw in luck:
        # The largest of w_n / E_n, E exponential, is n with probability proportional to w_n.
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
    ratio = nearness(clouds.columns, clouds.squares, centres)
    power = to_exponent(ratio, fuzziness)
    # u = power / sum, power = ratio^p and p m = p + 1: no second power is needed for u^m.
    weight = (power * ratio).mul_(clouds.weights * power.sum(dim=1, keepdim=True).pow_(-fuzziness))
    total = weight.sum(dim=2, keepdim=True).clamp_min_(TINY)
    return torch.bmm(weight, clouds.columns.transpose(1, 2)).div_(total)


def _check(points: Tensor, clusters: int, mask: Tensor | None, centres: Tensor | None) -> None:
    check_points(points, "N")
    batch, count, size = points.shape
    require_positive(clusters=clusters)
    require(clusters <= count, f"clusters is {clusters}: that is more clusters than points, {count}")
    if mask is not None:
        require(mask.shape == (batch, count), f"mask has shape {tuple(mask.shape)}: it must be {(batch, count)}")
        require(mask.dtype == torch.bool, f"mask is of {mask.dtype}: it must be of torch.bool")
    if centres is not None:
        wanted = (batch, clusters, size)
        require(centres.shape == wanted, f"centres has shape {tuple(centres.shape)}: it must be {wanted}")
        require(centres.dtype == points.dtype, f"centres is of {centres.dtype}: it must be of {points.dtype}")
        require(bool(centres.isfinite().all()), "centres holds NaN or infinite numbers: every number must be finite")
