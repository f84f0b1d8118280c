"""Pictures of an encoder: the numbers behind them against loops, and what a test leaves in a run's folder."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from episodic.plots.encoder_curves import KINDS, histogram_figure, sequential_figure, similarity_samples
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from callbacks.encoder_plots import EncoderFigures, whole_classes
from datamodules.drawings import DrawingBatch
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.omniglot.protocols import LakeProtocol
from episodic.drawings.omniglot.sources import OmniglotDrawings
from episodic.errors import InputError
from episodic.metrics.retrieval import Neighbours, nearest_neighbours
from episodic.plots.drawing_confusions import confused_pairs, confusions_figure
from episodic.plots.drawing_neighbours import neighbours_figure, spread_evenly
from episodic.plots.montage import framed, montage

PICTURES = {f"encoder_{name}.png" for name in ("neighbours", "confusions", "sequence", "similarities")}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawings(count: int) -> Tensor:
    return torch.randint(256, (count, 28, 28), dtype=torch.uint8, generator=seeded())


def drawn(figure: Figure) -> str:
    """The heading, once everything could be drawn."""
    figure.canvas.draw()
    return figure.get_suptitle()


def picture(figure: Figure, panel: int) -> Tensor:
    array = figure.axes[panel].images[0].get_array()
    assert array is not None
    return torch.tensor(np.asarray(array))


def frames(figure: Figure, panel: int, rows: int, columns: int) -> list[list[str]]:
    """The colours of the frames: r, g, or - for the plain ones."""
    names = {to_rgb("tab:red"): "r", to_rgb("tab:green"): "g", to_rgb("0.8"): "-", (1.0, 1.0, 1.0): " "}
    tiles = picture(figure, panel)
    height, width = tiles.shape[0] // rows, tiles.shape[1] // columns
    found = [[tiles[row * height + 2, column * width + width // 2] for column in range(columns)] for row in range(rows)]
    return [[next(n for c, n in names.items() if torch.allclose(p, torch.tensor(c))) for p in line] for line in found]


# Drawings


def test_a_frame_goes_round_the_drawing_and_leaves_it_alone() -> None:
    images = drawings(2)
    tiles = framed(images, ["tab:red", "0.8"], below=5)
    assert tiles.shape == (2, 28 + 4 + 2 + 5, 28 + 4 + 2, 3)
    inside = tiles[:, 3:31, 3:31]
    torch.testing.assert_close(inside, (1 - images.float() / 255).unsqueeze(-1).expand(-1, -1, -1, 3))
    counts = Counter(tuple(round(x, 4) for x in pixel) for pixel in tiles[0].flatten(0, 1).tolist())
    red = tuple(round(x, 4) for x in to_rgb("tab:red"))
    assert counts[red] == 32 * 32 - 28 * 28
    assert (tiles[:, -6:] == 1).all()


def test_a_montage_puts_tiles_in_reading_order() -> None:
    tiles = torch.arange(1.0, 6.0).view(5, 1, 1, 1).expand(5, 2, 3, 3) / 10
    whole = montage(tiles, 3)
    assert whole.shape == (4, 9, 3)
    expected = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 1.0]]).repeat(2, axis=0).repeat(3, axis=1)
    np.testing.assert_allclose(whole[..., 0], expected, atol=1e-6)


@pytest.mark.parametrize(("count", "total", "expected"), [(3, 9, [0, 4, 8]), (4, 2, [0, 1]), (1, 5, [0]), (3, 0, [])])
def test_numbers_are_spread_from_end_to_end(count: int, total: int, expected: list[int]) -> None:
    assert spread_evenly(count, total).tolist() == expected


# Neighbours and confusions


def test_neighbours_are_framed_by_whether_they_are_right() -> None:
    labels = torch.tensor([0, 0, 1, 1, 1])
    rows = torch.tensor([[1, 2], [2, 0], [3, 4], [2, 0], [0, 1]])
    similarity = torch.linspace(1, 0.1, 10).view(5, 2)
    figure = neighbours_figure(drawings(5), labels, Neighbours(rows, similarity), 5, "test")
    assert "test" in drawn(figure)
    assert "60.0%" in figure.get_suptitle()
    assert frames(figure, 0, 5, 3) == [list(row) for row in ("-gr", "-rg", "-gg", "-gr", "-rr")]
    assert frames(figure, 1, 2, 3) == [list("-rg"), list("-rr")]  # rows 1 and 4
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{x:.2f}" for x in similarity.flatten().tolist()]
    first = picture(figure, 0)[3:31, 34 + 3 : 34 + 31, 0]
    torch.testing.assert_close(first, 1 - drawings(5)[1].float() / 255)


def test_an_embedding_without_mistakes_says_so() -> None:
    labels = torch.arange(3).repeat(4)
    found = nearest_neighbours(torch.eye(3)[labels], 2)
    figure = neighbours_figure(drawings(12), labels, found, 4, "test")
    assert "100.0%" in drawn(figure)
    assert [text.get_text() for text in figure.axes[1].texts] == ["none"]
    figure = confusions_figure(drawings(12), labels, ["a", "b", "c"], found.rows[:, 0], 5, "test")
    drawn(figure)
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["no drawing's nearest other", "is of another class"]


def test_confused_pairs_equal_the_loop() -> None:
    labels = torch.randint(6, (80,), generator=seeded(1))
    nearest = torch.randint(80, (80,), generator=seeded(2))
    counted: Counter[tuple[int, int]] = Counter()
    for label, other in zip(labels.tolist(), labels[nearest].tolist(), strict=True):
        if label != other:
            counted[min(label, other), max(label, other)] += 1
    expected = sorted(((*pair, times) for pair, times in counted.items()), key=lambda one: (-one[2], one))
    assert [tuple(pair) for pair in confused_pairs(labels, nearest, 7)] == expected[:7]
    assert len(confused_pairs(labels, nearest, 1000)) == len(expected)


def test_confusions_show_the_confused_drawings_first() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    nearest = torch.tensor([1, 3, 3, 4, 2, 6, 0])  # 1, 2 and 4 are confused between classes 0 and 1, and 6 with 0
    figure = confusions_figure(drawings(7), labels, ["zero", "one", "two"], nearest, 5, "test", shown=4)
    assert "test" in drawn(figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["zero", "one", "zero", "two"]
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["", "3 of 5", "", "1 of 5"]
    found = ["".join(frames(figure, panel, 1, 4)[0]) for panel in range(4)]
    assert found == ["rr- ", "r-  ", "--- ", "r-  "]


# Curves


def test_the_curve_is_the_mean_over_episodes_with_its_interval() -> None:
    accuracies = {5: torch.rand(30, 4, generator=seeded()), 20: torch.rand(1, 3, generator=seeded(1))}
    figure = sequential_figure(accuracies, "test")
    drawn(figure)
    axes = figure.axes[0]
    for line, accuracy in zip(axes.lines, accuracies.values(), strict=True):
        np.testing.assert_allclose(np.asarray(line.get_ydata()), accuracy.mean(dim=0), rtol=1e-6)
        assert list(np.asarray(line.get_xdata())) == list(range(1, accuracy.shape[1] + 1))
    band = axes.collections[0].get_paths()[0].vertices
    values = accuracies[5].double().numpy()
    half = 1.96 * values.std(axis=0, ddof=1) / np.sqrt(30)
    assert np.asarray(band)[:, 1].max() == pytest.approx((values.mean(axis=0) + half).max(), rel=1e-5)


def test_no_streams_are_told() -> None:
    assert [text.get_text()[:15] for text in sequential_figure({}, "test").axes[0].texts] == ["too few classes"]


def test_pairs_are_of_the_kind_that_they_are_said_to_be() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3])
    alphabets = torch.tensor([0, 0, 1, 1])
    points = torch.randn(8, 5, generator=seeded()).double()
    samples = similarity_samples(points, labels, alphabets, seeded(), most=4000)
    expected: dict[str, dict[float, float]] = {kind: {} for kind in KINDS}
    for i in range(8):
        for j in range(i):
            same, near = labels[i] == labels[j], alphabets[labels[i]] == alphabets[labels[j]]
            kind = list(KINDS)[0 if same else 1 if near else 2]
            cosine = round(float(torch.cosine_similarity(points[i], points[j], dim=0)), 9)
            expected[kind][cosine] = 1.0
    for kind, values in samples.items():
        counts = Counter(round(value, 9) for value in values.tolist())
        assert set(counts) == set(expected[kind])
    # Each of the 15 pairs across alphabets is as likely as any other.
    shares = np.array(list(Counter(round(x, 9) for x in samples["a class of another alphabet"].tolist()).values()))
    np.testing.assert_allclose(shares / shares.sum(), 1 / 15, atol=0.03)


def test_histograms_tell_shares_and_means() -> None:
    samples = {kind: torch.rand(500 + 100 * place, generator=seeded(place)) for place, kind in enumerate(KINDS)}
    figure = histogram_figure(samples, "test")
    drawn(figure)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    for text, (kind, values) in zip(legend.get_texts(), samples.items(), strict=True):
        assert text.get_text() == f"{kind} ({len(values)} pairs, mean {values.mean():.2f})"
    values = torch.cat(list(samples.values()))
    bins = np.linspace(float(values.min()) - 1e-3, float(values.max()) + 1e-3, 61)
    for outline, values in zip(figure.axes[0].patches, samples.values(), strict=True):
        heights = np.asarray(outline.get_xy())[1:-1:2, 1]  # type: ignore[attr-defined]
        counts, _ = np.histogram(values, bins)
        np.testing.assert_allclose(heights, counts / len(values), atol=1e-9)


def test_a_single_drawing_has_nothing_to_be_compared_with() -> None:
    samples = similarity_samples(torch.ones(1, 2), torch.zeros(1).long(), torch.zeros(1).long(), seeded())
    assert [text.get_text() for text in histogram_figure(samples, "test").axes[0].texts] == [
        "no two drawings to compare"
    ]


def test_whole_classes_are_taken() -> None:
    labels = torch.arange(10).repeat(4)
    rows = whole_classes(labels, 14)
    assert labels[rows].bincount().tolist() == [4, 0, 0, 0, 4, 0, 0, 0, 0, 4]
    assert len(whole_classes(labels, 1000)) == 40
    assert len(whole_classes(labels, 1)) == 4


# The callback


class PixelEncoder(pl.LightningModule):
    """Embeds drawings by a fixed projection; says which mode it was asked in."""

    projection: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("projection", torch.randn(28 * 28, 16, generator=seeded()))
        self.asked: list[tuple[int, bool]] = []

    def embed(self, x: Tensor) -> Tensor:
        self.asked.append((len(x), self.training))
        embedding: Tensor = torch.nn.functional.normalize(x.flatten(1) @ self.projection, dim=1)
        return embedding

    def test_step(self, batch: DrawingBatch, batch_idx: int) -> None:
        pass


def evaluate(root: Path, drawings_root: Path, **options: Any) -> tuple[Path, PixelEncoder]:
    data = OmniglotDataModule(
        str(drawings_root), OmniglotDrawings(check_counts=False), LakeProtocol(2), cache_dir=str(root / "cache")
    )
    logger = TensorBoardLogger(str(root), name="", version="")
    module = PixelEncoder()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        default_root_dir=str(root),
        logger=logger,
        callbacks=[EncoderFigures(queries=3, pairs=2, projected=100, episodes=5)],
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.test(module, data, verbose=False)
    return root, module


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> tuple[Path, PixelEncoder]:
    return evaluate(tmp_path_factory.mktemp("run"), generated_omniglot)


def test_a_test_leaves_pictures_in_the_folder_and_in_tensorboard(run: tuple[Path, PixelEncoder]) -> None:
    root, module = run
    assert {path.name for path in (root / "figures").iterdir()} == PICTURES
    images: set[str] = set()
    for events in root.glob("events*"):
        images |= set(EventAccumulator(str(events)).Reload().Tags()["images"])
    assert images == {f"figures/{Path(name).stem}" for name in PICTURES}
    assert sum(count for count, _ in module.asked) == 240  # 12 classes of 20, once
    assert not any(training for _, training in module.asked)


def test_the_projector_gets_whole_classes_with_their_drawings(run: tuple[Path, PixelEncoder]) -> None:
    root, _ = run
    rows = next(root.glob("*/encoder_test/metadata.tsv")).read_text().splitlines()
    assert rows[0] == "class\talphabet"
    counts = Counter(row.split("\t")[0] for row in rows[1:])
    assert set(counts.values()) == {20}
    assert len(counts) == 5
    assert all(row.split("\t")[0].startswith(row.split("\t")[1] + "/") for row in rows[1:])
    assert next(root.glob("*/encoder_test/sprite.png")).is_file()


def test_a_trial_run_leaves_nothing(tmp_path: Path, generated_omniglot: Path) -> None:
    root, module = evaluate(tmp_path, generated_omniglot, fast_dev_run=True)
    assert not (root / "figures").exists()
    assert module.asked == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queries": 0}, "queries is 0"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"pairs": -1}, "pairs is -1"),
        ({"presentations": 0}, "presentations is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"projected": 0}, "projected is 0"),
        ({"ways": (5, 1)}, r"ways is \[5, 1\]: a stream has 2 classes or more"),
    ],
)
def test_bad_input_is_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncoderFigures(**options)
