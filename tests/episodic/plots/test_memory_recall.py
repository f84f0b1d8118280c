"""The numbers of the plot of reads."""

import numpy as np
import pytest
import torch
from torch import Tensor

from episodic.plots.memory.memory_recall import OUTCOMES, ReadCounts, plot_recall
from tests.episodic.plots.plotted import drawn, texts, title


def outcomes(right: list[float], wrong: list[float], nothing: list[float]) -> dict[str, Tensor]:
    return dict(zip(OUTCOMES, map(torch.tensor, (right, wrong, nothing)), strict=True))


def reads(exposures: int, pulls: int, threshold: float | None = 0.6) -> ReadCounts:
    recalls = torch.arange(1.0, exposures * pulls + 1).view(exposures, pulls).double()
    return ReadCounts(
        recalls=recalls,
        right=recalls * torch.linspace(0, 1, pulls).double(),
        missed=recalls * torch.linspace(1, 0, exposures).double().unsqueeze(1),
        slots=torch.tensor([1.0, 2.0, 2.5]),
        similarity=outcomes([0.9, 1.0, 0.8], [0.7], [0.5]),
        kernel="cosine",
        threshold=threshold,
        capacity=4,
    )


def test_the_panels_show_the_numbers() -> None:
    shown = reads(3, 5)
    figure = plot_recall(shown, "test")
    assert "120 reads" in title(figure)
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
    assert not plot_recall(reads(2, 2, threshold=None), "test").axes[2].lines


@pytest.mark.parametrize(("exposures", "numbered"), [(12, True), (13, False)])
def test_small_heat_maps_carry_numbers(exposures: int, numbered: bool) -> None:
    figure = plot_recall(reads(exposures, 10), "val")
    drawn(figure)
    assert bool(figure.axes[0].texts) == numbered


def test_no_reads_leave_notes() -> None:
    nothing = torch.zeros(2, 3).double()
    empty = ReadCounts(nothing, nothing, nothing, nothing[0] / 0, outcomes([], [], []), "l2", None, 4)
    figure = plot_recall(empty, "test")
    assert "0 reads" in title(figure)
    assert {"no reads", "no reads of a memory that held anything", "slots in use were not counted"} <= set(
        texts(figure)
    )


def test_an_exposure_without_reads_has_no_number() -> None:
    shown = reads(3, 2)
    shown.recalls[2] = shown.right[2] = shown.missed[2] = 0
    figure = plot_recall(shown, "test")
    drawn(figure)
    assert len(figure.axes[0].texts) == 4
    assert [text.get_text() for text in figure.axes[1].texts] == ["1.00", "0.50", ""]


def test_equal_similarities_can_be_drawn() -> None:
    same = reads(2, 2, threshold=1.0)._replace(similarity=outcomes([1.0] * 5, [], []))
    figure = plot_recall(same, "test")
    drawn(figure)
    low, high = figure.axes[2].get_xlim()
    assert low < 1.0 < high
