"""Fuzzy c-means from the textbook, in plain Python: one cloud, one point, one cluster at a time."""

import math

Vector = list[float]


def distance(a: Vector, b: Vector) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def membership(point: Vector, centres: list[Vector], fuzziness: float) -> Vector:
    """`1 / sum_j (d_c / d_j)^(2 / (m - 1))`; on centres, shared equally among them."""
    distances = [distance(point, centre) for centre in centres]
    on = [d == 0.0 for d in distances]
    if any(on):
        return [float(here) / sum(on) for here in on]
    exponent = 2 / (fuzziness - 1)
    # In logarithms: the quotients of distances overflow when the fuzziness is close to 1.
    logs = [-exponent * math.log(d) for d in distances]
    terms = [math.exp(log - max(logs)) for log in logs]
    return [term / sum(terms) for term in terms]


def weighted_mean(vectors: list[Vector], weights: Vector) -> Vector:
    total = sum(weights)
    size = len(vectors[0])
    return [sum(w * v[i] for w, v in zip(weights, vectors, strict=True)) / total for i in range(size)]


def iterate(points: list[Vector], centres: list[Vector], fuzziness: float) -> list[Vector]:
    belonging = [membership(point, centres, fuzziness) for point in points]
    columns = [[u[c] ** fuzziness for u in belonging] for c in range(len(centres))]
    return [weighted_mean(points, column) for column in columns]


def cluster(points: list[Vector], centres: list[Vector], fuzziness: float, limit: float, most: int) -> list[Vector]:
    """Iterate until no centre moves by more than `limit`, at most `most` times."""
    for _ in range(most):
        updated = iterate(points, centres, fuzziness)
        shift = max(distance(a, b) for a, b in zip(updated, centres, strict=True))
        centres = updated
        if shift <= limit:
            break
    return centres


def objective(points: list[Vector], centres: list[Vector], fuzziness: float) -> float:
    """`J = sum_n sum_c u_nc^m d_nc^2`."""
    total = 0.0
    for point in points:
        belonging = membership(point, centres, fuzziness)
        total += sum(u**fuzziness * distance(point, c) ** 2 for u, c in zip(belonging, centres, strict=True))
    return total
