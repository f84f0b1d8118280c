"""Which blocks a bandit's data module yields."""

import pytest
import torch

from datamodules.barcode_bandit import BarcodeBanditDataModule
from errors import InputError
from tasks.blocks import BlockSpec


def build(**numbers: int) -> BarcodeBanditDataModule:
    """A small data module."""
    small = {"environments": 2, "blocks_per_epoch": 3, "val_environments": 2, "test_environments": 2, "test_blocks": 2}
    arguments: dict[str, int] = {**small, **numbers}
    return BarcodeBanditDataModule(**arguments)  # type: ignore[arg-type]


def training(monkeypatch: pytest.MonkeyPatch, seed: int, epoch: int = 0) -> list[BlockSpec]:
    """The training blocks of one epoch of a run with the given seed."""
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    loader = build().train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def same(one: BlockSpec, other: BlockSpec) -> bool:
    return one.seed == other.seed and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in BlockSpec._fields if name != "seed"
    )


def test_training_blocks_are_new_every_time_and_depend_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = training(monkeypatch, 1) + training(monkeypatch, 1, epoch=1) + training(monkeypatch, 2)
    assert len({block.seed for block in blocks}) == 9
    assert all(map(same, training(monkeypatch, 1), blocks[:3]))


def test_evaluation_blocks_do_not_depend_on_the_runs_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for seed in (1, 2):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        data = build()
        found.append([*data.val_dataloader(), *data.test_dataloader()])
    assert all(map(same, *found))
    assert len({block.seed for block in found[0]} | {block.seed for block in training(monkeypatch, 0)}) == 3 + 3
    assert not same(found[0][0], next(build(evaluation_seed=1).evaluation_blocks("val")))


def test_the_task_says_what_a_model_has_to_know() -> None:
    assert build(bits=20, contexts=12, exposures=3).sizes == {"actions": 10, "cue_size": 20, "capacity": 36}


@pytest.mark.parametrize("name", ["environments", "blocks_per_epoch", "val_environments", "test_blocks"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is 0"):
        build(**{name: 0})
