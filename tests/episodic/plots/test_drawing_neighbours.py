"""Drawings beside their nearest others: which, in which order, in which frames."""

import torch

from episodic.plots.embeddings.drawing_neighbours import plot_neighbours
from tests.episodic.plots.plotted import drawings, frames, shown_image, title


def test_neighbours_are_framed_by_whether_they_are_right() -> None:
    labels = torch.tensor([0, 0, 1, 1, 1])
    rows = torch.tensor([[1, 2], [2, 0], [3, 4], [2, 0], [0, 1]])
    similarity = torch.linspace(1, 0.1, 10).view(5, 2)
    figure = plot_neighbours(drawings(5), labels, rows, similarity, 5, "test")
    assert "test" in title(figure)
    assert "60.0%" in figure.get_suptitle()
    assert frames(figure, 0, 5, 3) == [list(row) for row in ("-rw", "-wr", "-rr", "-rw", "-ww")]
    assert frames(figure, 1, 2, 3) == [list("-wr"), list("-ww")]  # rows 1 and 4
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{x:.2f}" for x in similarity.flatten().tolist()]
    first = shown_image(figure, 0)[3:31, 34 + 3 : 34 + 31, 0]
    torch.testing.assert_close(first, 1 - drawings(5)[1].float() / 255)


def test_an_embedding_without_mistakes_says_so() -> None:
    labels = torch.arange(3).repeat(4)
    nearest = torch.stack([(torch.arange(12) + 3) % 12, (torch.arange(12) + 6) % 12], dim=1)
    figure = plot_neighbours(drawings(12), labels, nearest, torch.ones(12, 2), 4, "test")
    assert "100.0%" in title(figure)
    assert [text.get_text() for text in figure.axes[1].texts] == ["none"]
