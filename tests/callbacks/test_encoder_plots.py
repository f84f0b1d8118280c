"""What the plots of an encoder leave in a run's folder and in TensorBoard."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from callbacks.encoder_plots import EncoderPlots
from datamodules.drawings import DrawingBatch
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.omniglot.protocols import LakeProtocol
from episodic.drawings.omniglot.sources import OmniglotDrawings
from episodic.errors import InputError

PICTURES = {f"encoder_{name}.png" for name in ("neighbours", "confusions", "sequence", "similarities")}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class PixelEncoder(pl.LightningModule):
    """Embeds drawings by a fixed projection; records the mode of each call."""

    projection: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("projection", torch.randn(28 * 28, 16, generator=seeded()))
        self.calls: list[tuple[int, bool]] = []

    def embed(self, x: Tensor) -> Tensor:
        self.calls.append((len(x), self.training))
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
        callbacks=[EncoderPlots(queries=3, pairs=2, projected=100, episodes=5)],
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
    assert sum(count for count, _ in module.calls) == 240  # 12 classes of 20, once
    assert not any(training for _, training in module.calls)


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
    assert module.calls == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queries": 0}, "queries is 0"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"pairs": -1}, "pairs is -1"),
        ({"presentations": 0}, "presentations is 0"),
        ({"episodes": 0}, "episodes is 0"),
        ({"projected": 0}, "projected is 0"),
        ({"ways": (5, 1)}, r"ways is \[5, 1\]: a stream must have at least 2 classes"),
    ],
)
def test_bad_input_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncoderPlots(**options)
