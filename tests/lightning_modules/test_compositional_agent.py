"""Agents on the compositional bandit, with barcodes and with drawings: what a harvest and a test leave behind."""

from pathlib import Path

import pytest
import torch

from cli import main
from datamodules.harvest_files import read_harvest
from datamodules.omniglot_bandit import OmniglotBanditDataModule
from episodic.drawings.omniglot import LakeProtocol, OmniglotDrawings
from episodic.tasks import CompositionalBandit, CompositionalDrawingBandit
from episodic.tasks.blocks import block_seed
from tests.runs import rows
from tests.tiny import PROJECT, tiny

PREDICTED = (0, 1)  # predict blocks of the small twins, of four environments each


def trained(config: str, root: Path, drawings: Path, *options: str) -> Path:
    """Train a small twin, test and predict with it; returns its run."""
    assert main(["fit", *tiny(PROJECT / "configs" / f"{config}.yaml", root, drawings, epochs=1), *options]) == 0
    run = root / config / "version_0"
    for command in ("test", "predict"):
        assert main([command, "--ckpt_path", str(run / "checkpoints" / "last.ckpt")]) == 0
    return run


@pytest.mark.parametrize("stored", ["both", "queried"])
def test_a_row_of_a_harvest_is_an_episode_with_its_queried_cue(
    stored: str, tmp_path: Path, generated_omniglot: Path
) -> None:
    run = trained("compositional_bandit", tmp_path, generated_omniglot, "--data.task.stored", stored)
    harvest = read_harvest(str(run / "harvest.npz"))
    task = CompositionalBandit(classes=6, exposures=2, pulls=4, stored=stored)
    specs = [task.draw_block(4, block_seed(0, "predict", 0, index)) for index in PREDICTED]
    assert harvest.cell.shape == (2 * 4 * 6, 4, 50)
    for name, expected in (("label", "labels"), ("exposure", "exposures")):
        assert torch.equal(getattr(harvest, name), torch.cat([getattr(spec, expected).T.flatten() for spec in specs]))
    queried = torch.cat(
        [spec.queries[:, 0].transpose(0, 1).flatten(0, 1) for spec in specs if spec.queries is not None]
    )
    assert torch.equal(harvest.cue.float(), queried)
    pictures = {path.stem for path in (run / "figures").glob("*.png")}
    assert {"regret_by_familiarity", "regret_by_pull", "training_curve", "memory_recall"} <= pictures
    assert {"val/regret_new", "val/regret_familiar", "val/ideal_fraction"} <= set(rows(run)[0])


def test_drawings_are_cues_of_the_compositional_bandit(tmp_path: Path, generated_omniglot: Path) -> None:
    run = trained(
        "compositional_bandit_omniglot",
        tmp_path,
        generated_omniglot,
        "--model.perception.embedder",
        "null",
        "--data.predict_split",
        "test",
    )
    harvest = read_harvest(str(run / "harvest.npz"))
    data = OmniglotBanditDataModule(
        CompositionalDrawingBandit(classes=6, exposures=2, pulls=4),
        root=str(generated_omniglot),
        drawings=OmniglotDrawings(check_counts=False),
        protocol=LakeProtocol(2),
        cache_dir=str(tmp_path / "cache"),
        predict_split="test",
        predict_environments=4,
    )
    data.setup()
    shown = [
        block.drawings[:, 0].T.flatten() for block in data.evaluation_blocks("predict") if block.drawings is not None
    ]
    pixels = data.part("test").images[torch.cat(shown)].flatten(1) / 255
    torch.testing.assert_close(harvest.cue.float(), pixels, atol=1e-3, rtol=0)
