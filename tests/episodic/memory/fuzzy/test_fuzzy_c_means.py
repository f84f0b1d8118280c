"""Fuzzy c-means against the textbook's loops and against scikit-fuzzy."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn.functional import one_hot

from episodic.errors import InputError
from episodic.memory.fuzzy.fuzzy_c_means import FuzzyClusters, fuzzy_c_means
from episodic.memory.fuzzy.memberships import memberships
from tests.episodic.memory import fuzzy_oracle
from tests.episodic.memory.memory_oracle import DEVICES

BATCH, POINTS, CLUSTERS, SIZE = 3, 20, 4, 5
NEARLY_HARD = 1.05
ZEROS, STARTS = torch.zeros(BATCH, POINTS, SIZE), torch.zeros(BATCH, CLUSTERS, SIZE)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def cloud(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points around a few places, and a start."""
    places = 2.0 * draw(BATCH, CLUSTERS, SIZE, seed=seed)
    points = places[:, torch.arange(POINTS) % CLUSTERS] + draw(BATCH, POINTS, SIZE, seed=seed + 1)
    return points, points[:, :CLUSTERS] + 0.1


def barcodes(rows: int, points: int, bits: int, flipped: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 2, (rows, 10, bits), generator=generator)[:, torch.arange(points) % 10]
    return (codes ^ (torch.rand(codes.shape, generator=generator) < flipped)).float()


def blobs(rows: int) -> Tensor:
    """Four tight, distant groups of ten points each, in the same order."""
    corners = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]).repeat_interleave(10, dim=0)
    return corners + 0.1 * draw(rows, 40, 2)


def assert_close(one: Tensor, other: Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(one.cpu(), other.cpu().to(one.dtype), atol=atol, rtol=0.0)


def assert_sound(found: FuzzyClusters, present: Tensor) -> None:
    assert all(bool(torch.isfinite(part).all()) for part in found)
    assert (found.memberships >= 0).all()
    assert_close(found.memberships.sum(dim=2), present.float(), atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fuzziness", [1.2, 1.5, 2.0])
def test_the_same_start_leads_where_the_textbook_goes(fuzziness: float, seed: int, device: str) -> None:
    points, start = cloud(seed)
    mask = torch.rand(BATCH, POINTS, generator=torch.Generator().manual_seed(seed)) < 0.8
    settings = {"tolerance": 1e-6, "max_iterations": 60}
    places = {"mask": mask.to(device), "centres": start.to(device)}
    found = fuzzy_c_means(points.to(device), CLUSTERS, fuzziness, **places, **settings)  # type: ignore[arg-type]
    for row in range(BATCH):
        there = points[row, mask[row]].tolist()
        centres = fuzzy_oracle.cluster(there, start[row].tolist(), fuzziness, limit=1e-6, most=60)
        belonging = [fuzzy_oracle.membership(point, centres, fuzziness) for point in there]
        assert_close(found.centres[row], torch.tensor(centres))
        assert_close(found.memberships[row, mask[row]], torch.tensor(belonging))
        assert (found.memberships[row, ~mask[row]] == 0).all()


@pytest.mark.parametrize("fuzziness", [1.2, 1.5, 2.0, 3.0])
def test_the_same_start_leads_where_scikit_fuzzy_goes(fuzziness: float) -> None:
    cmeans = pytest.importorskip("skfuzzy.cluster").cmeans
    points, start = cloud()
    found = fuzzy_c_means(points, CLUSTERS, fuzziness, centres=start, tolerance=1e-6, max_iterations=200)
    belonging = memberships(points, start, fuzziness).double().numpy()
    for row in range(BATCH):
        data = points[row].double().numpy().T
        centres, final, *_ = cmeans(data, CLUSTERS, fuzziness, 1e-9, 200, init=belonging[row].T)
        assert_close(found.centres[row], torch.from_numpy(centres))
        assert_close(found.memberships[row], torch.from_numpy(final.T))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_a_fuzziness_of_one_is_k_means(seed: int, device: str) -> None:
    points, start = cloud(seed)
    found = fuzzy_c_means(points.to(device), CLUSTERS, 1.0, centres=start.to(device), tolerance=1e-6)
    for row in range(BATCH):
        oracle = KMeans(CLUSTERS, init=start[row].double().numpy(), n_init=1, tol=0.0)
        labels = oracle.fit(points[row].double().numpy()).labels_
        assert_close(found.centres[row], torch.from_numpy(oracle.cluster_centers_))
        assert_close(found.memberships[row], one_hot(torch.from_numpy(labels).long(), CLUSTERS), atol=0.0)


@pytest.mark.parametrize("fuzziness", [NEARLY_HARD, 1.2, 2.0, 3.0])
def test_no_iteration_raises_the_objective(fuzziness: float) -> None:
    points, start = cloud()
    values = [fuzzy_oracle.objective(points[0].tolist(), start[0].tolist(), fuzziness)]
    for most in range(1, 12):
        found = fuzzy_c_means(points, CLUSTERS, fuzziness, centres=start, tolerance=1e-9, max_iterations=most)
        values.append(fuzzy_oracle.objective(points[0].tolist(), found.centres[0].tolist(), fuzziness))
    assert values[-1] < 0.9 * values[0]
    assert all(after <= before * (1 + 1e-5) for before, after in pairwise(values))


@pytest.mark.parametrize("device", DEVICES)
def test_groups_far_apart_are_found_from_any_seed(device: str) -> None:
    points = torch.cat([blobs(rows=2), torch.full((2, 40, 2), 5.0)], dim=1).to(device)
    mask = (torch.arange(80, device=device) < 40).expand(2, -1)
    for seed in range(20):
        generator = torch.Generator(device).manual_seed(seed)
        found = fuzzy_c_means(points, 4, 1.2, mask=mask, generator=generator)
        group = found.memberships[:, :40].argmax(dim=2).view(2, 4, 10)
        assert (group == group[..., :1]).all()
        assert all(len(set(row)) == 4 for row in group[..., 0].tolist())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [1.2, 2.0])
def test_a_cloud_does_not_depend_on_the_others(fuzziness: float, device: str) -> None:
    points = barcodes(6, 40, 8, flipped=0.2).to(device)
    points[0] = points[0, :10].repeat(4, 1)  # settles at once
    together = fuzzy_c_means(points, CLUSTERS, fuzziness)
    assert len(set(together.iterations.tolist())) > 2
    for row in range(6):
        alone = fuzzy_c_means(points[row : row + 1], CLUSTERS, fuzziness)
        assert alone.iterations.item() == together.iterations[row]
        assert_close(alone.centres[0], together.centres[row], atol=1e-5)
        assert_close(alone.memberships[0], together.memberships[row], atol=1e-4)


def test_the_start_hangs_on_the_generator_alone() -> None:
    points = barcodes(2, 40, 8, flipped=0.2)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = fuzzy_c_means(points, CLUSTERS, 1.2)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(one.centres, fuzzy_c_means(points, CLUSTERS, 1.2).centres)
    seeded = [fuzzy_c_means(points, CLUSTERS, 1.2, generator=torch.Generator().manual_seed(s)) for s in (5, 5, 6)]
    assert torch.equal(seeded[0].centres, seeded[1].centres)
    assert not torch.equal(seeded[0].centres, seeded[2].centres)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [NEARLY_HARD, 2.0, 8.0])
def test_fewer_distinct_points_than_clusters(fuzziness: float, device: str) -> None:
    distinct = draw(BATCH, 2, SIZE).to(device)
    points = distinct[:, torch.arange(POINTS) % 2]
    found = fuzzy_c_means(points, CLUSTERS, fuzziness)
    assert_sound(found, torch.ones(BATCH, POINTS))
    apart = torch.cdist(distinct, found.centres)
    assert (apart.amin(dim=1) < 1e-5).all()  # each centre lies on one of the two
    assert (apart.amin(dim=2) < 1e-5).all()  # and both are taken
    assert (found.iterations == 1).all()


@pytest.mark.parametrize("device", DEVICES)
def test_as_many_points_as_clusters_are_the_centres(device: str) -> None:
    points = draw(BATCH, POINTS, SIZE).to(device)
    mask = (torch.arange(POINTS, device=device) % 5 == 0).expand(BATCH, -1)  # four are there
    found = fuzzy_c_means(points, CLUSTERS, mask=mask)
    assert (found.iterations == 1).all()
    assert_close(torch.cdist(points[:, ::5], found.centres).amin(dim=2), torch.zeros(BATCH, CLUSTERS), atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("given", [False, True], ids=["k-means++", "start"])
def test_clouds_without_or_with_a_single_point(given: bool, device: str) -> None:
    points = draw(BATCH, POINTS, SIZE).to(device)
    mask = torch.ones(BATCH, POINTS, dtype=torch.bool, device=device)
    mask[0], mask[1] = False, torch.arange(POINTS, device=device) == 7
    start = draw(BATCH, CLUSTERS, SIZE, seed=1).to(device) if given else None
    found = fuzzy_c_means(points, CLUSTERS, mask=mask, centres=start)
    assert_sound(found, mask)
    assert (found.centres[0] == 0).all()
    assert_close(found.centres[1], points[1, 7].expand(CLUSTERS, -1), atol=1e-5)


def test_what_is_masked_out_has_no_influence() -> None:
    points = barcodes(2, 40, 8, flipped=0.2)
    mask = torch.rand(2, 40, generator=torch.Generator().manual_seed(0)) < 0.5
    other = points.clone()
    other[~mask] = float("nan")
    one, two = (fuzzy_c_means(cloud, CLUSTERS, 1.5, mask=mask) for cloud in (points, other))
    assert torch.equal(one.centres, two.centres)
    assert torch.equal(one.memberships, two.memberships)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("flipped", [0.0, 0.2])
def test_nearly_hard_clustering_stays_finite(flipped: float, device: str) -> None:
    points = barcodes(8, 100, 10, flipped).to(device)
    found = fuzzy_c_means(points, 10, NEARLY_HARD)
    assert_sound(found, torch.ones(8, 100))
    assert found.memberships.amax(dim=2).mean() > 0.9


def test_a_centre_that_nobody_belongs_to_goes_to_the_mean() -> None:
    points = torch.tensor([[[-1.0], [-0.9], [0.9], [1.0]]])
    start = torch.tensor([[[-1.0], [1.0], [1e6]]])
    found = fuzzy_c_means(points, 3, NEARLY_HARD, centres=start, max_iterations=1)
    assert_close(found.centres, torch.tensor([[[-0.95], [0.95], [0.0]]]), atol=1e-2)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("factor", [1e-38, 1e-30, 1e-6, 1e6, 1e30, 1e37])
def test_the_unit_of_length_does_not_matter(factor: float, fuzziness: float, device: str) -> None:
    points, start = (part.to(device) for part in cloud())
    one = fuzzy_c_means(points, CLUSTERS, fuzziness, centres=start)
    other = fuzzy_c_means(points * factor, CLUSTERS, fuzziness, centres=start * factor)
    assert one.iterations.tolist() == other.iterations.tolist()
    assert_close(one.memberships, other.memberships)
    torch.testing.assert_close(other.centres, one.centres * factor, atol=1e-3 * factor, rtol=1e-4)


@pytest.mark.parametrize("exponent", [-100, -30, 30, 100])
def test_a_unit_that_is_a_power_of_two_changes_no_digit(exponent: int) -> None:
    points = cloud()[0]
    one, other = fuzzy_c_means(points, CLUSTERS), fuzzy_c_means(points * 2.0**exponent, CLUSTERS)
    assert torch.equal(one.memberships, other.memberships)
    assert torch.equal(one.centres * 2.0**exponent, other.centres)


@pytest.mark.parametrize("device", DEVICES)
def test_each_cloud_has_its_own_unit(device: str) -> None:
    points = cloud()[0].to(device)
    factors = torch.tensor([1e-30, 1.0, 1e30], device=device).view(-1, 1, 1)
    one, other = fuzzy_c_means(points, CLUSTERS), fuzzy_c_means(points * factors, CLUSTERS)
    assert_close(one.memberships, other.memberships)


@pytest.mark.parametrize("fuzziness", [1.2, 2.0])
def test_far_from_the_origin(fuzziness: float) -> None:
    points, start = cloud()
    one = fuzzy_c_means(points, CLUSTERS, fuzziness, centres=start)
    other = fuzzy_c_means(points + 1000.0, CLUSTERS, fuzziness, centres=start + 1000.0)
    assert_close(one.memberships, other.memberships, atol=2e-3)  # the points themselves are rounded to 6e-5


def test_iterations_are_bounded_and_counted() -> None:
    points, start = cloud()
    settled = fuzzy_c_means(points, CLUSTERS, centres=start).iterations
    assert 4 < settled.min() < settled.max() < 100
    short = fuzzy_c_means(points, CLUSTERS, centres=start, max_iterations=3).iterations
    assert short.tolist() == [3] * BATCH
    assert (fuzzy_c_means(points, CLUSTERS, centres=start, tolerance=1e-2).iterations < settled).all()


def test_no_gradient_flows_through_the_clustering() -> None:
    points = cloud()[0].requires_grad_()
    assert not fuzzy_c_means(points, CLUSTERS).centres.requires_grad


def test_no_clouds_at_all() -> None:
    found = fuzzy_c_means(torch.zeros(0, POINTS, SIZE), CLUSTERS)
    assert found.centres.shape == (0, CLUSTERS, SIZE)
    assert found.memberships.shape == (0, POINTS, CLUSTERS)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (r"clusters is 21: that is more clusters than points, 20", {"clusters": POINTS + 1}),
        (r"clusters is 0: ", {"clusters": 0}),
        (r"fuzziness is 0\.9: ", {"fuzziness": 0.9}),
        (r"fuzziness is nan: ", {"fuzziness": float("nan")}),
        (r"tolerance is 0\.0: ", {"tolerance": 0.0}),
        (r"max_iterations is 0: ", {"max_iterations": 0}),
        (r"points has shape \(20, 5\): ", {"points": torch.zeros(POINTS, SIZE)}),
        (r"mask has shape \(3, 5\): it must be \(3, 20\)", {"mask": torch.ones(BATCH, SIZE, dtype=torch.bool)}),
        (r"mask is of torch\.float32: ", {"mask": torch.ones(BATCH, POINTS)}),
        (r"centres has shape \(3, 3, 5\): it must be \(3, 4, 5\)", {"centres": torch.zeros(BATCH, 3, SIZE)}),
        (r"points is of torch\.int64: it must be of torch\.float32 or", {"points": ZEROS.long()}),
        (r"points is of torch\.float16: it must be of torch\.float32 or", {"points": ZEROS.half()}),
        (r"centres is of torch\.float64: it must be of torch\.float32", {"centres": STARTS.double()}),
        (r"points holds NaN or infinite numbers: ", {"points": ZEROS + float("nan")}),
        (r"points holds NaN or infinite numbers: ", {"points": ZEROS - float("inf")}),
        (r"centres holds NaN or infinite numbers: ", {"centres": STARTS + float("nan")}),
    ],
)
def test_bad_input_is_named(message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="^" + message) as error:
        fuzzy_c_means(**{"points": ZEROS, "clusters": CLUSTERS, **arguments})
    assert "\n" not in str(error.value)
