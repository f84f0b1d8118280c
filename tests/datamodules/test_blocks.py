"""Which blocks a bandit's data module yields."""

import dataclasses
import os
from typing import Any

import pytest
import torch

from datamodules import bandit, sampling
from datamodules.bandit import BanditDataModule
from datamodules.barcode_bandit import BarcodeBanditDataModule
from episodic.errors import InputError
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec, block_seed


def build(**arguments: Any) -> BarcodeBanditDataModule:
    """A small data module."""
    environments = {"environments": 2, "val_environments": 2, "test_environments": 2, "predict_environments": 2}
    small = {**environments, "blocks_per_epoch": 3, "test_blocks": 2}
    return BarcodeBanditDataModule(**{**small, **arguments})


def training(monkeypatch: pytest.MonkeyPatch, seed: int, epoch: int = 0, **arguments: Any) -> list[BlockSpec]:
    """The training blocks of one epoch of a run with the given seed."""
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    loader = build(**arguments).train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def same(one: BlockSpec, other: BlockSpec) -> bool:
    return one.seed == other.seed and all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in BlockSpec._fields
        if name not in ("seed", "drawings")
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
        found.append([*data.val_dataloader(), *data.test_dataloader(), *data.predict_dataloader()])
    assert all(map(same, *found))
    assert len({block.seed for block in found[0]} | {block.seed for block in training(monkeypatch, 0)}) == 5 + 3
    assert not same(found[0][0], next(build(evaluation_seed=1).evaluation_blocks("val")))


def test_predict_blocks_are_shared_out_over_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(predict_blocks=5, predict_environments=3)
    blocks = list(data.predict_dataloader())
    assert [block.batch_size for block in blocks] == [3] * 5
    assert all(map(same, blocks, data.evaluation_blocks("predict")))
    for rank in range(2):
        as_rank(monkeypatch, rank, 2)
        assert all(map(same, blocks[rank::2], data.predict_dataloader()))
    as_rank(monkeypatch, 0, 6)
    with pytest.raises(InputError, match=r"^predict_blocks is 5: 6 processes need at least one block for each"):
        data.predict_dataloader()


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    for module in (sampling, bandit):
        monkeypatch.setattr(module, "rank_and_world", lambda: (rank, world))


def evaluation(data: BarcodeBanditDataModule) -> list[BlockSpec]:
    return [*data.val_dataloader(), *data.test_dataloader(), *data.predict_dataloader(), *data.evaluation_blocks("val")]


def noise_of(noisy: BlockSpec, clean: BlockSpec) -> set[int]:
    """In how many bits the cues of two blocks differ, which agree in all else."""
    assert same(noisy._replace(cues=clean.cues), clean)
    return set((noisy.cues != clean.cues).sum(dim=-1).flatten().tolist())


def test_the_task_says_what_a_model_has_to_know() -> None:
    sizes = {"actions": 10, "cue_size": 20, "label_count": 12, "pulls": 7, "episodes": 36}
    assert build(bits=20, contexts=12, exposures=3, pulls=7).sizes == sizes
    assert build(vocabulary=50).sizes["label_count"] == 50


def test_every_argument_of_the_task_reaches_it() -> None:
    numbers: dict[str, Any] = {
        "arms": 3,
        "contexts": 4,
        "exposures": 5,
        "pulls": 6,
        "best": 0.8,
        "rest": 0.2,
        "bits": 9,
        "every_arm_best": False,
        "order": "urn",
        "concentration": 2.0,
        "noise": 0.3,
        "noise_kind": "left",
        "clusters": 2,
        "cluster_spread": 3,
        "cluster_separation": 5,
        "vocabulary": 8,
        "vocabulary_seed": 3,
        "best_arms": 2,
    }
    data = build(**numbers)
    assert dataclasses.asdict(data.task) == numbers
    assert data.evaluation_task == data.task


def test_evaluation_blocks_may_have_a_noise_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(evaluation_noise=0.2)
    for noisy, clean in zip(evaluation(data), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {2, 1}
    assert data.task == build().task
    noisy_training, plain_training = training(monkeypatch, 1, evaluation_noise=0.2), training(monkeypatch, 1)
    assert all(map(same, noisy_training, plain_training))


def test_without_one_the_noise_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    for noisy, clean in zip(evaluation(build(noise=0.3)), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {3, 2}
    pairs = zip(training(monkeypatch, 1, noise=0.3), training(monkeypatch, 1), strict=True)
    assert all(noise_of(noisy, clean) <= {3, 2} for noisy, clean in pairs)
    assert all(map(same, evaluation(build(noise=0.3, evaluation_noise=0.0)), evaluation(build())))


def test_the_kind_of_noise_may_be_another_too() -> None:
    data = build(noise=0.5, evaluation_noise_kind="left")
    for noisy, clean in zip(evaluation(data), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {5, 4}
        assert torch.equal(noisy.cues[..., 5:], clean.cues[..., 5:])
    assert data.task.noise_kind == "random"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"evaluation_noise": 1.5}, "^evaluation_noise is 1.5: "),
        ({"evaluation_noise_kind": "top"}, "^evaluation_noise_kind is 'top': .*checkerboard"),
        ({"noise": -0.5}, "^noise is -0.5: "),
    ],
    ids=str,
)
def test_bad_noise_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**arguments)


def test_a_data_module_may_evaluate_on_another_task() -> None:
    task, other = BarcodeBandit(), BarcodeBandit(noise=0.1)
    data = BanditDataModule(task, 2, 1, 2, 1, 2, 1, 0, evaluation_task=other)
    assert data.task is task
    assert same(next(data.evaluation_blocks("test")), other.draw_block(2, block_seed(0, "test", 0, 0)))
    assert same(next(iter(data.train_dataloader())), task.draw_block(2, block_seed(training_seed(), "train", 0, 0)))


def training_seed() -> int:
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


@pytest.mark.parametrize(
    "name", ["environments", "blocks_per_epoch", "val_environments", "test_blocks", "predict_environments"]
)
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is 0"):
        build(**{name: 0})
