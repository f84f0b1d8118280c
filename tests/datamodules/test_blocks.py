"""The blocks that a data module yields for any task."""

from argparse import ArgumentError
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser

from datamodules import blocks, sampling
from datamodules.blocks import BlockDataModule
from datamodules.sampling import run_seed
from episodic.errors import InputError
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec, block_seed
from episodic.tasks.task import Task
from tests.blocks import Walk, tensors


def build(task: Task | None = None, **arguments: Any) -> BlockDataModule:
    """A small data module."""
    environments = {"environments": 2, "val_environments": 2, "test_environments": 2, "predict_environments": 2}
    small = {**environments, "blocks_per_epoch": 3, "test_blocks": 2}
    return BlockDataModule(BarcodeBandit() if task is None else task, **{**small, **arguments})


def training(
    monkeypatch: pytest.MonkeyPatch, seed: int, epoch: int = 0, task: Task | None = None, **arguments: Any
) -> list[BlockSpec]:
    """The training blocks of one epoch of a run with the given seed."""
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    loader = build(task, **arguments).train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def same(one: BlockSpec, other: BlockSpec) -> bool:
    pairs = zip(tensors(one).values(), tensors(other).values(), strict=True)
    return one.seed == other.seed and all(torch.equal(*pair) for pair in pairs)


def test_training_blocks_are_new_every_time_and_depend_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = training(monkeypatch, 1) + training(monkeypatch, 1, epoch=1) + training(monkeypatch, 2)
    assert len({block.seed for block in drawn}) == 9
    assert all(map(same, training(monkeypatch, 1), drawn[:3]))


def test_evaluation_blocks_do_not_depend_on_the_runs_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for seed in (1, 2):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        data = build()
        runs.append([*data.val_dataloader(), *data.test_dataloader(), *data.predict_dataloader()])
    assert all(map(same, *runs))
    assert len({block.seed for block in runs[0]} | {block.seed for block in training(monkeypatch, 0)}) == 5 + 3
    assert not same(runs[0][0], next(build(evaluation_seed=1).evaluation_blocks("val")))


def test_predict_blocks_are_shared_out_over_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(predict_blocks=5, predict_environments=3)
    drawn = list(data.predict_dataloader())
    assert [block.batch_size for block in drawn] == [3] * 5
    assert all(map(same, drawn, data.evaluation_blocks("predict")))
    for rank in range(2):
        as_rank(monkeypatch, rank, 2)
        assert all(map(same, drawn[rank::2], data.predict_dataloader()))
    as_rank(monkeypatch, 0, 6)
    with pytest.raises(InputError, match=r"^predict_blocks is 5: 6 processes need at least one block for each"):
        data.predict_dataloader()


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    for module in (sampling, blocks):
        monkeypatch.setattr(module, "rank_and_world", lambda: (rank, world))


def evaluation(data: BlockDataModule) -> list[BlockSpec]:
    return [*data.val_dataloader(), *data.test_dataloader(), *data.predict_dataloader(), *data.evaluation_blocks("val")]


def noise_of(noisy: BlockSpec, clean: BlockSpec) -> set[int]:
    """In how many bits the cues of two blocks differ, which agree in all else."""
    assert same(noisy._replace(cues=clean.cues), clean)
    return set((noisy.cues != clean.cues).sum(dim=-1).flatten().tolist())


def test_sizes_are_those_of_the_task() -> None:
    task = BarcodeBandit(bits=20, contexts=12, exposures=3, pulls=7)
    assert build(task).sizes == task.sizes._asdict()
    assert {"cue_size": 20, "label_count": 12, "steps": 7, "episodes": 36}.items() <= build(task).sizes.items()


def test_the_default_is_the_papers_barcode_bandit() -> None:
    assert BlockDataModule().task == BarcodeBandit()


def test_any_task_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(Walk(), evaluation={"level": 2})
    assert [block.cues.unique().item() for block in training(monkeypatch, 1, task=Walk())] == [0.0] * 3
    assert [block.cues.unique().item() for block in evaluation(data)] == [2.0] * 6
    assert isinstance(data.task_of("test"), Walk)
    assert data.task_of("train") is data.task


def test_evaluation_blocks_may_differ_in_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build(evaluation={"noise": 0.2})
    for noisy, clean in zip(evaluation(data), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {2, 1}
    assert data.task == BarcodeBandit()
    noisy_training, plain_training = training(monkeypatch, 1, evaluation={"noise": 0.2}), training(monkeypatch, 1)
    assert all(map(same, noisy_training, plain_training))


def test_without_changes_evaluation_blocks_are_as_noisy_as_training_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    task = BarcodeBandit(noise=0.3)
    for noisy, clean in zip(evaluation(build(task)), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {3, 2}
    pairs = zip(training(monkeypatch, 1, task=task), training(monkeypatch, 1), strict=True)
    assert all(noise_of(noisy, clean) <= {3, 2} for noisy, clean in pairs)
    assert all(map(same, evaluation(build(task, evaluation={"noise": 0.0})), evaluation(build())))


def test_evaluation_blocks_may_differ_in_the_kind_of_noise() -> None:
    data = build(BarcodeBandit(noise=0.5), evaluation={"noise_kind": "left"})
    for noisy, clean in zip(evaluation(data), evaluation(build()), strict=True):
        assert noise_of(noisy, clean) <= {5, 4}
        assert torch.equal(noisy.cues[..., 5:], clean.cues[..., 5:])


def test_blocks_are_drawn_with_the_seeds_of_their_split() -> None:
    task, other = BarcodeBandit(), BarcodeBandit(noise=0.1)
    data = build(task, evaluation={"noise": 0.1})
    for split in ("val", "test", "predict"):
        for index, block in enumerate(data.evaluation_blocks(split)):
            assert same(block, other.draw_block(2, block_seed(0, split, 0, index)))
    assert same(next(iter(data.train_dataloader())), task.draw_block(2, block_seed(run_seed(), "train", 0, 0)))


def parsed(*arguments: str) -> BlockDataModule:
    """The data module that a command line names."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(BlockDataModule, "data")
    data: BlockDataModule = parser.instantiate_classes(parser.parse_args(["--data=BlockDataModule", *arguments])).data
    return data


def test_a_command_line_changes_any_task() -> None:
    assert parsed().task == BarcodeBandit()
    data = parsed("--data.task.bits=20", "--data.environments=3", "--data.evaluation.noise=0.2")
    assert (data.task, data.task_of("val")) == (BarcodeBandit(bits=20), BarcodeBandit(bits=20, noise=0.2))
    assert data.environments == 3
    other = parsed("--data.task=tests.blocks.Walk", "--data.task.level=2", "--data.evaluation={level: 3}")
    assert [task.level for task in (other.task, other.task_of("test")) if isinstance(task, Walk)] == [2.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.task=episodic.tasks.Bandit"], "Bandit is abstract"),
        (["--data.task=episodic.tasks.Maze"], "Maze"),
        (["--data.task=torch.nn.Linear"], "not correspond to a subclass of Task"),
        (["--data.task.bots=3"], "'bots' is not accepted"),
    ],
    ids=str,
)
def test_a_command_line_names_what_is_no_task(arguments: list[str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parsed(*arguments)


def test_hyperparameters_are_plain() -> None:
    hparams = build(BarcodeBandit(bits=20), evaluation={"noise": 0.1}).hparams
    assert hparams["task"]["class_path"] == "episodic.tasks.barcode_bandit.BarcodeBandit"
    assert hparams["task"]["init_args"]["bits"] == 20
    assert hparams["evaluation"] == {"noise": 0.1}
    assert isinstance(build(Walk()).hparams["task"], str)


@pytest.mark.parametrize(
    "name", ["environments", "blocks_per_epoch", "val_environments", "test_blocks", "predict_environments"]
)
def test_numbers_below_one_are_refused(name: str) -> None:
    numbers: dict[str, Any] = {name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        build(**numbers)
