from pathlib import Path
from typing import Any

import pytest

from episodic.errors import InputError
from experiments.job import Cell, Job
from experiments.jobs import folder_name
from experiments.selection import job_order, only, parse_shard, shard
from tests.experiments.grids import CONFIG, cells, training_of


def names(jobs: list[Job]) -> list[str]:
    return [job.title for job in jobs]


def cell(condition: str, **changes: Any) -> Cell:
    return next(cell for cell in cells(**changes) if cell.condition == condition)


def test_the_command_of_a_training() -> None:
    training = training_of(cell("append").test)
    version = training.run.version
    assert version.startswith("seed_1-")
    expected = ["fit", "--config", CONFIG, "--seed_everything", "1", "--run.root", "runs/small", "--run.name", "append"]
    expected += ["--run.version", version, "--trainer.max_epochs=5", "--model.memory=EpisodicMemory"]
    assert list(training.arguments) == [*expected, "--trainer.enable_progress_bar=false"]
    assert training.product == Path("runs/small/append", version, "checkpoints/best.ckpt")


def test_a_test_writes_elsewhere_than_the_training() -> None:
    append, mean = cell("append").test, cell("mean keys").test
    assert append.training == mean.training
    assert "--model.memory.kernel=l2" in mean.arguments
    assert "--model.memory=EpisodicMemory" not in append.arguments  # the run's own config says so
    best = str(training_of(mean).run.best)
    assert mean.arguments[:3] == append.arguments[:3] == ("test", "--ckpt_path", best)
    assert mean.arguments[mean.arguments.index("--run.name") + 1] == "mean_keys"
    assert len({append.run.path, mean.run.path, training_of(mean).run.path}) == 3


def test_rows_are_in_the_grids_order_and_jobs_seed_by_seed() -> None:
    rows = cells(seeds=[2, 1])
    assert [row[:3] for row in rows[:5]] == [
        ("append", "0 %", 2),
        ("append", "0 %", 1),
        ("append", "20 %", 2),
        ("append", "20 %", 1),
        ("mean keys", "0 %", 2),
    ]
    half = [
        "train append / seed 2",
        "test append / 0 % / seed 2",
        "test append / 20 % / seed 2",
        "test mean keys / 0 % / seed 2",
        "test mean keys / 20 % / seed 2",
        "train stack / seed 2",
        "test stack / 0 % / seed 2",
        "test stack / 20 % / seed 2",
    ]
    assert names(job_order(rows)) == half + [title.replace("seed 2", "seed 1") for title in half]


def folders(**changes: Any) -> set[Path]:
    return {job.run.path for job in job_order(cells(**changes))}


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {"trainer.max_epochs": 6}},
        {"overrides": {"trainer.max_epochs": 5, "model.loss.discount": 0.5}},
        {"seeds": [4]},
        {"config": str(Path(CONFIG).with_name("barcode_bandit_l2rl.yaml"))},
    ],
    ids=str,
)
def test_nothing_is_shared_once_the_training_changes(changes: dict[str, Any]) -> None:
    assert not folders() & folders(**changes)


def training(of_grid: dict[str, Any], of_condition: dict[str, Any]) -> Job:
    """A training under a grid's overrides and a condition's."""
    changes = {"overrides": of_grid, "conditions": {"a": of_condition}, "baseline": None, "seeds": [1]}
    return training_of(cell("a", **changes).test)


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("model.keys.embedder", "model.keys.embedder.layers"),
        ("model", "model.warm_start.keys"),
        ("trainer.callbacks", "trainer.callbacks+"),
        ("trainer.callbacks+", "trainer.callbacks.patience"),
    ],
)
def test_a_part_that_stands_before_its_whole_makes_another_run(whole: str, part: str) -> None:
    first, second = {whole: "x"}, {part: "y"}
    right = training(first, second)
    assert right.identity == training({}, {**first, **second}).identity
    assert right.identity["arguments"] == [[f"--{whole}", "x"], [f"--{part}", "y"]], "it is not found on disk any more"
    for wrong in (training(second, first), training({}, {**second, **first})):
        assert wrong.run.path != right.run.path


def test_otherwise_the_order_does_not_count() -> None:
    said = dict.fromkeys(("model.encoder", "model.encoders", "model.loss.discount", "data.model.encoder"), 1)
    assert training({}, said).run.path == training({}, dict(reversed(said.items()))).run.path


def test_a_changed_evaluation_leaves_the_trainings() -> None:
    changed = folders(evaluations={"0 %": {}, "20 %": {"data.task.best": 0.7}})
    lost = folders() - changed
    assert len(lost) == 9  # 3 conditions, 3 seeds
    assert all("20" in path.name for path in lost)


def test_a_name_that_is_changed_back_finds_its_folder() -> None:
    assert folders() == folders(seeds=[1, 2, 3], metrics=["test/regret"], baseline=None)


def test_names_that_make_the_same_folder_stay_apart() -> None:
    assert folder_name("20 %") == folder_name("-20 %") == "20"
    assert folder_name("%") == "_"
    rows = cells(evaluations={"20 %": {"data.task.best": 0.8}, "-20 %": {"data.task.best": 0.7}})
    assert len({row.test.run.path for row in rows}) == len(rows)


@pytest.mark.parametrize("count", [1, 2, 4, 20])
def test_shards_share_out_the_trainings_with_their_tests(count: int) -> None:
    jobs = job_order(cells())
    shards = [shard(jobs, index, count) for index in range(1, count + 1)]
    assert sorted(name for part in shards for name in names(part)) == sorted(names(jobs))
    trainings = [sum(job.training is None for job in part) for part in shards]
    assert max(trainings) - min(trainings) <= 1
    for part in shards:
        own = {job.run.path for job in part if job.training is None}
        assert {training_of(job).run.path for job in part if job.training is not None} == own


def test_one_condition_alone_keeps_the_training_that_it_needs() -> None:
    jobs = job_order(only(cells(seeds=[1]), "keys"))
    assert names(jobs) == ["train append / seed 1", "test mean keys / 0 % / seed 1", "test mean keys / 20 % / seed 1"]
    with pytest.raises(InputError, match=r"--only is 'nothing': .*'append', 'mean keys', 'stack'"):
        only(cells(), "nothing")


def test_a_shard_is_written_as_a_fraction() -> None:
    assert parse_shard("2/3") == (2, 3)
    for wrong in ("0/3", "4/3", "3", "a/b", "-1/2", "1/0"):
        with pytest.raises(InputError, match="it must be i/n"):
            parse_shard(wrong)
