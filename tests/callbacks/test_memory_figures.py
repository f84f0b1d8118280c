"""Pictures of a memory: the numbers that they show against loops and NumPy, and memories that are hard to draw."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from episodic.plots.memory_contents import MemoryContents
from episodic.plots.memory_map import map_figure
from episodic.plots.memory_planes import distinct_count, pca_plane, rosettes, tsne_plane
from episodic.plots.memory_recall import Reads, recall_figure
from episodic.plots.memory_similarity import colour_scale, cosine_map, label_ticks, similarity_figure


def vectors(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def contents(keys: Tensor, values: Tensor, labels: Tensor, centres: Tensor | None = None) -> MemoryContents:
    return MemoryContents(keys, values, labels, labels % 3, centres, len(keys), 60, 7, "test")


def words(figure: Figure) -> list[str]:
    """Everything that is written inside the panels, and their titles."""
    return [text for axes in figure.axes for text in (axes.get_title(), *(note.get_text() for note in axes.texts))]


def heading(figure: Figure) -> str:
    figure.canvas.draw()  # whatever cannot be drawn fails here
    return figure.get_suptitle()


# Similarity


def test_cosines_equal_the_loop() -> None:
    points = vectors(5, 3)
    points[2] = 0
    found = cosine_map(points)
    for i, a in enumerate(points.tolist()):
        for j, b in enumerate(points.tolist()):
            lengths = math.hypot(*a) * math.hypot(*b)
            expected = sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
            assert found[i, j].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("lowest", "scale"),
    [(-0.3, (-1.0, "RdBu_r")), (0.7, (0.7, "YlOrRd")), (-1e-7, (0.0, "YlOrRd")), (1.0, (0.0, "YlOrRd"))],
)
def test_colours_use_the_range_that_is_there(lowest: float, scale: tuple[float, str]) -> None:
    found = colour_scale(torch.tensor([[1.0, lowest], [lowest, 1.0]], dtype=torch.float64))
    assert found == scale


def test_ticks_stand_in_the_middle_of_each_label() -> None:
    labels = torch.tensor([2, 2, 2, 5, 5, 9])
    assert label_ticks(labels, 0.0) == [(1.0, "2"), (3.5, "5"), (5.0, "9")]


def test_ticks_that_stand_too_near_are_left_out() -> None:
    assert label_ticks(torch.tensor([2, 2, 2, 5, 5, 9]), 0.4) == [(1.0, "2"), (3.5, "5")]
    ticks = label_ticks(torch.arange(500), 0.02)
    assert [name for _, name in ticks] == [str(label) for label in range(0, 500, 10)]


def test_similarity_shows_both_maps_with_lines_between_labels() -> None:
    labels = torch.arange(4).repeat_interleave(3)
    keys, values = vectors(12, 5), vectors(12, 6, seed=1)
    figure = similarity_figure(contents(keys, values, labels))
    title = heading(figure)
    assert all(part in title for part in ("test", "environment 7", "12 of 60 slots", "4 labels"))
    for axes, shown in zip(figure.axes, (keys, values), strict=False):
        array = axes.images[0].get_array()
        assert array is not None
        np.testing.assert_allclose(array, cosine_map(shown), atol=1e-6)
        segments = [segment for lines in axes.collections for segment in lines.get_segments()]  # type: ignore[attr-defined]
        positions = {float(x) for segment in segments for x in (segment[0][0], segment[0][1])} - {-0.5}
        assert positions == {2.5, 5.5, 8.5}


# Two dimensions


def test_principal_components_equal_the_eigenvectors_of_the_covariance() -> None:
    points = vectors(20, 5) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1])
    plane = pca_plane(points, points[:4])
    array = points.double().numpy()
    centred = array - array.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    expected = centred @ axes[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(plane.points), np.abs(expected), atol=1e-9)  # an axis may point either way
    np.testing.assert_allclose(plane.centres, plane.points[:4], atol=1e-9)
    assert plane.explained == pytest.approx(tuple(values[::-1][:2] / values.sum()))


@pytest.mark.parametrize("points", [vectors(2, 4), vectors(6, 1)])
def test_what_lies_on_a_line_is_drawn_on_a_line(points: Tensor) -> None:
    plane = pca_plane(points)
    assert plane.points.shape == (len(points), 2)
    np.testing.assert_allclose(plane.points[:, 1], 0, atol=1e-7)
    assert plane.explained == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize(("classes", "each"), [(3, 8), (2, 3), (10, 10)])
def test_tsne_sets_like_beside_like(classes: int, each: int) -> None:
    labels = torch.arange(classes).repeat_interleave(each)
    points = 5 * vectors(classes, 20)[labels] + vectors(len(labels), 20, seed=1)
    plane = tsne_plane(points)
    distances = np.linalg.norm(plane.points[:, None] - plane.points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert (labels.numpy()[distances.argmin(axis=1)] == labels.numpy()).all()
    np.testing.assert_array_equal(tsne_plane(points).points, plane.points)


@pytest.mark.parametrize("size", [1, 6])
def test_tsne_of_identical_vectors_shares_their_place(size: int) -> None:
    distinct = vectors(4, size)
    places = torch.tensor([0, 1, 2, 3, 3, 0, 0])
    plane = tsne_plane(distinct[places])
    assert plane.note is None
    assert len(np.unique(plane.points, axis=0)) == 4
    np.testing.assert_array_equal(plane.points, plane.points[:4][places.numpy()])


@pytest.mark.parametrize(
    ("points", "pca", "tsne"),
    [
        (torch.zeros(0, 3), "needs 2 distinct points:\nhere are 0", "needs 4 distinct points:\nhere are 0"),
        (torch.ones(9, 3), "needs 2 distinct points:\nhere are 1", "needs 4 distinct points:\nhere are 1"),
        (vectors(3, 3), None, "needs 4 distinct points:\nhere are 3"),
        (vectors(3, 3).repeat(5, 1), None, "here are 3"),
        (torch.tensor([[0.0], [1.0], [math.nan], [2.0]]), "finite", "finite"),
    ],
)
def test_what_cannot_be_laid_out_is_told(points: Tensor, pca: str | None, tsne: str) -> None:
    plane = pca_plane(points)
    assert (plane.note is None) if pca is None else (plane.note is not None and pca in plane.note)
    note = tsne_plane(points).note
    assert note is not None
    assert tsne in note


def test_distinct_vectors_are_counted_up_to_rounding() -> None:
    points = vectors(6, 4)
    assert distinct_count(torch.cat([points, points * (1 + 1e-7), points[:2] + 0.1])) == 8
    assert distinct_count(torch.zeros(3, 2)) == 1


def test_rosettes_spread_what_lies_together_and_leave_the_rest() -> None:
    points = np.array([[0.0, 0.0], [10.0, 2.0], [0.0, 0.0], [5.0, 1.0], *[[10.0, 2.0]] * 200])
    moved, any_together = rosettes(points, 0.02)
    assert any_together
    assert len(np.unique(moved, axis=0)) == len(points)
    np.testing.assert_array_equal(moved[[0, 1, 3]], points[[0, 1, 3]])  # the first of a place stays
    shares = np.linalg.norm((moved - points) / (10.0, 2.0), axis=1)
    assert shares[2] == pytest.approx(0.02)
    assert 0.09 < shares.max() <= 0.1
    alone, any_together = rosettes(points[[0, 1, 3]], 0.02)
    assert not any_together
    np.testing.assert_array_equal(alone, points[[0, 1, 3]])


def test_rosettes_of_a_single_place() -> None:
    moved, _ = rosettes(np.ones((5, 2)), 0.02)
    assert np.isfinite(moved).all()
    assert len(np.unique(moved, axis=0)) == 5


@pytest.mark.parametrize("tsne", [True, False])
def test_a_map_has_a_panel_for_each_view(tsne: bool) -> None:
    labels = torch.arange(4).repeat_interleave(3)
    centres = vectors(2, 5, seed=2)
    figure = map_figure(contents(vectors(4, 5)[labels], vectors(12, 6), labels, centres), tsne=tsne)
    title = heading(figure)
    assert all(
        part in title for part in ("environment 7", "12 of 60", "distinct keys: 4", "values: 12", "spread about")
    )
    methods = ("PCA", "t-SNE") if tsne else ("PCA",)
    names = [f"{n}: {m}, by {by}" for n in ("keys", "values") for m in methods for by in ("label", "best arm")]
    assert [axes.get_title() for axes in figure.axes] == names
    crosses = [len(np.asarray(axes.collections[1].get_offsets())) for axes in figure.axes]
    assert crosses == [2 if name.startswith("keys: PCA") else 0 for name in names]
    assert [legend.get_title().get_text() for legend in figure.legends] == ["best arm", "label"]
    assert [text.get_text() for text in figure.legends[1].get_texts()] == ["0", "1", "2", "3"]


def test_equal_labels_have_equal_colours() -> None:
    labels = torch.arange(4).repeat_interleave(3)
    axes = map_figure(contents(vectors(12, 5), vectors(12, 6), labels), tsne=False).axes[0]
    colours = np.asarray(axes.collections[0].get_facecolor())
    assert len(np.unique(colours, axis=0)) == 4
    np.testing.assert_array_equal(colours, colours[::3].repeat(3, axis=0))


def test_many_labels_get_a_bar_instead_of_a_legend() -> None:
    labels = torch.arange(50)
    figure = map_figure(contents(vectors(50, 5), vectors(50, 6), labels * 20), tsne=False)
    heading(figure)
    assert [legend.get_title().get_text() for legend in figure.legends] == ["best arm"]
    ticks = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert ticks == [str(label) for label in range(0, 1000, 40)]


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        (torch.zeros(0, 3), "here are 0"),
        (vectors(1, 3), "here are 1"),
        (torch.zeros(7, 3), "here are 1"),
        (vectors(3, 1), "here are 3"),
        (torch.full((5, 2), math.nan), "not all numbers are finite"),
    ],
)
def test_hardly_anything_to_draw_is_told_in_the_picture(keys: Tensor, note: str) -> None:
    labels = torch.full((len(keys),), -1)
    drawn = MemoryContents(keys, keys, labels, labels, None, len(keys), 60, 0, "test")
    figure = map_figure(drawn)
    heading(figure)
    assert any(note in text for text in words(figure))
    figure = similarity_figure(drawn)
    heading(figure)
    assert ("nothing stored" in words(figure)) == (len(keys) == 0)


# Reads


def reads(exposures: int, pulls: int, threshold: float | None = 0.6) -> Reads:
    recalls = torch.arange(1.0, exposures * pulls + 1).view(exposures, pulls).double()
    kinds = torch.tensor([0, 1, 1, 2, 1])
    return Reads(
        recalls=recalls,
        right=recalls * torch.linspace(0, 1, pulls).double(),
        missed=recalls * torch.linspace(1, 0, exposures).double().unsqueeze(1),
        slots=torch.tensor([1.0, 2.0, 2.5]),
        similarity=torch.tensor([0.7, 0.9, 1.0, 0.5, 0.8]),
        kinds=kinds,
        kernel="cosine",
        threshold=threshold,
        capacity=4,
    )


def test_recall_tells_its_numbers() -> None:
    shown = reads(3, 5)
    figure = recall_figure(shown, "test")
    assert "120 reads" in heading(figure)
    accuracy, missed, similarity, slots = figure.axes[:4]
    assert [text.get_text() for text in accuracy.texts] == ["0.00", "0.25", "0.50", "0.75", "1.00"] * 3
    assert [bar.get_height() for bar in missed.patches] == pytest.approx([1.0, 0.5, 0.0])  # type: ignore[attr-defined]
    legend = similarity.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["right (3 reads)", "wrong (1 reads)", "nothing recalled (1 reads)", "threshold 0.6"]
    assert list(np.asarray(similarity.lines[0].get_xdata())) == [0.6, 0.6]
    assert list(np.asarray(slots.lines[0].get_ydata())) == [1.0, 2.0, 2.5]
    assert list(np.asarray(slots.lines[1].get_ydata())) == [4, 4]


def test_a_memory_without_threshold_has_no_line() -> None:
    assert not recall_figure(reads(2, 2, threshold=None), "test").axes[2].lines


@pytest.mark.parametrize(("exposures", "told"), [(12, True), (13, False)])
def test_numbers_are_told_as_long_as_they_can_be_read(exposures: int, told: bool) -> None:
    figure = recall_figure(reads(exposures, 10), "val")
    heading(figure)
    assert bool(figure.axes[0].texts) == told


def test_reads_that_were_never_made_are_told() -> None:
    nothing = torch.zeros(2, 3).double()
    empty = Reads(nothing, nothing, nothing, nothing[0] / 0, torch.empty(0), torch.empty(0).long(), "l2", None, 4)
    figure = recall_figure(empty, "test")
    assert "0 reads" in heading(figure)
    assert {"no reads", "no reads of a memory that held anything", "not counted"} <= set(words(figure))


def test_an_exposure_without_reads_is_left_grey() -> None:
    shown = reads(3, 2)
    shown.recalls[2] = shown.right[2] = shown.missed[2] = 0
    figure = recall_figure(shown, "test")
    heading(figure)
    assert len(figure.axes[0].texts) == 4
    assert [text.get_text() for text in figure.axes[1].texts] == ["1.00", "0.50", ""]


def test_equal_similarities_can_be_drawn() -> None:
    same = reads(2, 2, threshold=1.0)._replace(similarity=torch.ones(5))
    figure = recall_figure(same, "test")
    heading(figure)
    low, high = figure.axes[2].get_xlim()
    assert low < 1.0 < high
