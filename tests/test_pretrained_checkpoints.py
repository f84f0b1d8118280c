"""Every shipped encoder is held to its card: its size, its name, its figures and, with real drawings, its accuracy."""

import os
import re
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from cli import main as command
from datamodules.drawings import turned
from episodic.checkpoints import SHIPPED, load_embedder, read_checkpoint
from episodic.checkpoints import embedders as pretrained
from episodic.drawings.embedding import embed_drawings, with_rotations
from episodic.drawings.omniglot import OFFICIAL, OmniglotPart, holds_omniglot, load_part
from episodic.metrics.few_shot import few_shot_accuracy
from launcher.export import LARGEST, main
from launcher.exports.provenance import training_seconds
from tests.tiny import tiny_encoder

REAL = os.environ.get("OMNIGLOT_ROOT", "")
CHECKPOINTS = sorted(SHIPPED.glob("*.ckpt"))
#: The figures that are measured again: of each card the first that it has.
FIGURES = ("test/20way_1shot_rotated", "test/20way_1shot")
#: Drawings of each character that this takes.
DRAWINGS = 8


def card_figures(path: Path) -> dict[str, float]:
    """The figures in the card of a checkpoint."""
    rows = re.findall(r"^\| (test/\S+) \| (\S+) \|$", path.with_suffix(".md").read_text(), re.MULTILINE)
    return {name: float(value) for name, value in rows}


def assert_as_its_card_says(path: Path) -> dict[str, Any]:
    """Size, figures and configuration; returns its provenance."""
    assert path.stat().st_size <= LARGEST <= 3_000_000
    provenance: dict[str, Any] = read_checkpoint(path)["provenance"]
    figures = card_figures(path)
    assert figures == pytest.approx(provenance["metrics"], rel=1e-3)
    assert figures
    card, config = path.with_suffix(".md").read_text(), path.with_suffix(".yaml").read_text()
    assert f"{path.stat().st_size:,} bytes" in card
    assert config == provenance["config"]
    assert f"```yaml\n{config}```" in card
    for text in (card, config, repr(provenance)):
        assert not re.search(r"(?<![\w.}\]`])[/~](home|root|tmp|work|Users|mnt|data)\b", text)
    return provenance


def assert_embeds(name: str, size: int) -> None:
    """A shipped encoder, by its name."""
    embedder = load_embedder(name)
    assert not any(parameter.requires_grad for parameter in embedder.parameters())
    for side in (28, 105):
        embedding = embedder.embed(torch.rand(2, 1, side, side))
        assert embedding.shape == (2, size)
        assert embedding.dtype == torch.float32
        assert embedding.isfinite().all()
        assert not torch.equal(embedding[0], embedding[1])


def a_few_drawings(part: OmniglotPart, rotated: bool) -> tuple[Tensor, Tensor]:
    """Drawings `[C * 8, 1, S, S]` chosen at random, eight of each character, and their classes.

    Rotated, two of them stay as they are and two each are turned once, twice and three times: a drawing in all its
    turns would tell hardly more than in one.
    """
    order = torch.randperm(len(part.labels), generator=torch.Generator().manual_seed(0))
    order = order[part.labels[order].argsort(stable=True)]  # by class, shuffled within it
    counts = part.labels.bincount()
    rows = order[(counts.cumsum(0) - counts).unsqueeze(1) + torch.arange(DRAWINGS)].flatten()
    images, labels = part.images[rows], part.labels[rows]
    if rotated:
        turns = torch.arange(DRAWINGS).repeat(len(counts)) % 4
        images, labels = turned(images, turns), 4 * labels + turns
    return images.unsqueeze(1).float() / 255, labels


def assert_as_accurate(path: Path, part: OmniglotPart) -> None:
    """The 20-way 1-shot accuracy on a few drawings of each class is the card's, to within 0.5 points and chance."""
    expected = next((name for name in FIGURES if name in card_figures(path)), None)
    if expected is None:
        pytest.skip(f"{path.name} has no 20-way 1-shot accuracy")
    images, labels = a_few_drawings(part, expected.endswith("_rotated"))
    embeddings = embed_drawings(load_embedder(path).embed, images)
    generator = torch.Generator().manual_seed(1)
    accuracy = few_shot_accuracy(embeddings, labels, ways=20, shots=1, episodes=1000, generator=generator).mean()
    figure = card_figures(path)[expected]
    # As if every drawing were asked for once: episodes beyond that see the same drawings again.
    spread = sqrt(max(figure * (1 - figure), 0.01) / len(labels))
    assert abs(float(accuracy) - figure) < 0.005 + 3 * spread, f"{expected}: {float(accuracy):.4f}, card {figure:.4f}"


# ------------------------------------------------------------------------------------------- what is shipped


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_a_shipped_encoder_is_what_its_card_says(path: Path) -> None:
    assert_embeds(path.stem, assert_as_its_card_says(path)["embedding_size"])


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and holds_omniglot(Path(REAL))), reason="OMNIGLOT_ROOT holds no Omniglot")
@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_a_shipped_encoder_is_as_accurate_as_its_card_says(path: Path, tmp_path: Path) -> None:
    data = yaml.safe_load(read_checkpoint(path)["provenance"]["config"])["data"]["init_args"]
    if (data.get("protocol") or {}).get("class_path", "LakeProtocol").rpartition(".")[2] != "LakeProtocol":
        pytest.skip(f"{path.name} was tested on other characters than those of the evaluation alphabets")
    part = load_part(Path(REAL), "evaluation", data.get("image_size", 28), cache_dir=str(tmp_path), expected=OFFICIAL)
    assert_as_accurate(path, part)


def test_everything_that_is_shipped_belongs_to_an_encoder() -> None:
    names = {path.stem for path in CHECKPOINTS} | {"README"}
    assert {path.stem for path in SHIPPED.iterdir()} == names


# ------------------------------------------------------------------------------- the same checks, a small run


@pytest.fixture(scope="module")
def tested_run(tmp_path_factory: pytest.TempPathFactory, generated_omniglot: Path) -> Path:
    """A run that was trained for a second, and tested."""
    root = tmp_path_factory.mktemp("runs")
    fit = ["fit", *tiny_encoder(root, generated_omniglot, epochs=1), "--trainer.callbacks", "[]"]
    assert command([*fit, "--model.few_shot_episodes", "500", "--trainer.precision", "32-true"]) == 0
    run = root / "omniglot_encoder" / "version_0"
    assert command(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    return run


@pytest.fixture(scope="module")
def small(tested_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its encoder, shipped."""
    target = tmp_path_factory.mktemp("shipped") / "small.ckpt"
    assert main([str(tested_run), str(target)]) == 0
    return target


@pytest.fixture
def copied(small: Path, tmp_path: Path) -> Path:
    """Files of the small encoder that may be spoilt."""
    for suffix in (".ckpt", ".md", ".yaml"):
        (tmp_path / small.name).with_suffix(suffix).write_bytes(small.with_suffix(suffix).read_bytes())
    return tmp_path / small.name


def test_a_generated_encoder_is_what_its_card_says(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "SHIPPED", small.parent)
    assert_embeds("small", assert_as_its_card_says(small)["embedding_size"])
    with pytest.raises(AssertionError):
        assert_embeds("small", 9)


def test_no_file_names_a_place(small: Path, tested_run: Path) -> None:
    for path in small.parent.iterdir():
        for place in (tested_run.parents[1], small.parent, Path.cwd(), Path.home()):
            assert str(place).encode() not in path.read_bytes()


def test_the_time_of_the_training_is_told(small: Path, tested_run: Path) -> None:
    seconds = training_seconds(tested_run)
    assert seconds is not None
    assert 0 < seconds < 3600
    assert read_checkpoint(small)["provenance"]["training_seconds"] == seconds
    assert f", {seconds / 60:.1f} minutes including validation." in small.with_suffix(".md").read_text()


def test_the_command_of_the_card_trains_the_same_again(
    small: Path, tested_run: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    places = ["--run.root", str(tmp_path), "--data.root", str(generated_omniglot), "--data.cache_dir", str(tmp_path)]
    fit = ["fit", "--config", str(small.with_suffix(".yaml")), "--run.version", "again"]
    assert command([*fit, *places]) == 0
    again = load_embedder(tmp_path / "small" / "again" / "checkpoints" / "best.ckpt").state_dict()
    before = load_embedder(tested_run / "checkpoints" / "best.ckpt").state_dict()
    assert all(torch.equal(value, before[name]) for name, value in again.items())


def test_a_generated_encoder_is_as_accurate_as_its_card_says(
    small: Path, tmp_path: Path, generated_omniglot: Path
) -> None:
    assert_as_accurate(small, load_part(generated_omniglot, "evaluation", cache_dir=str(tmp_path), expected={}))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_wrong_accuracy_is_noticed(figure: str, copied: Path, generated_omniglot: Path) -> None:
    part = load_part(generated_omniglot, "background", cache_dir=str(copied.parent), expected={})
    embed = load_embedder(copied).embed
    embeddings, classes = with_rotations(embed, part.images, part.labels)
    known = slice(None) if figure.endswith("_rotated") else slice(len(part.labels))
    generator = torch.Generator().manual_seed(7)
    accuracy = few_shot_accuracy(
        embeddings[known], classes[known], ways=20, shots=1, episodes=500, generator=generator
    ).mean()
    copied.with_suffix(".md").write_text(f"| {figure} | {float(accuracy):.4g} |\n")
    assert_as_accurate(copied, part)
    for wrong in (0.15, -0.15):
        copied.with_suffix(".md").write_text(f"| {figure} | {float(accuracy) + wrong:.4g} |\n")
        with pytest.raises(AssertionError, match=f"{figure}: "):
            assert_as_accurate(copied, part)


@pytest.mark.parametrize(
    ("suffix", "told", "instead"),
    [
        (".md", "| test/recall_at_1_rotated | 0", "| test/recall_at_1_rotated | 1"),
        (".md", " bytes", "0 bytes"),
        (".md", "## Training", "## Training\n\nFound at /home/somebody."),
        (".yaml", "max_epochs: 1", "max_epochs: 2"),
    ],
)
def test_a_wrong_card_is_noticed(suffix: str, told: str, instead: str, copied: Path) -> None:
    assert_as_its_card_says(copied)
    path = copied.with_suffix(suffix)
    before = path.read_text()
    assert told in before
    path.write_text(before.replace(told, instead))
    with pytest.raises(AssertionError):
        assert_as_its_card_says(copied)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_few_drawings_of_each_class(rotated: bool) -> None:
    labels = torch.arange(3).repeat(11)
    corner = torch.zeros(33, 28, 28, dtype=torch.uint8)
    corner[:, 0, 0] = torch.arange(100, 133)  # a dot that tells the drawing by its grey, and the turn by its corner
    part = OmniglotPart(corner, labels, torch.zeros(3).long(), ["a", "b", "c"], ["x"])
    images, classes = a_few_drawings(part, rotated)
    assert images.shape == (24, 1, 28, 28)
    greys = (images.amax(dim=(1, 2, 3)) * 255).round().long() - 100
    turns = images[:, 0, [0, -1, -1, 0], [0, 0, -1, -1]].argmax(dim=1)  # against the clock
    assert len(greys.unique()) == 24
    assert torch.equal(classes, 4 * labels[greys] + turns if rotated else labels[greys])
    assert classes.bincount().tolist() == ([2] * 12 if rotated else [8] * 3)
