"""The jobs of conditions that build on each other."""

from typing import Any

import pytest

from experiments.schedule import cancelled, next_job
from experiments.selection import job_order, only, shard
from tests.experiments.chains import CONDITIONS, chain_cells, chain_jobs

JOBS = chain_jobs()
ORDER = [
    "train agent",
    "test agent / 0 %",
    "predict agent",
    "train encoder",
    "test encoder / own",
    "predict elsewhere",
    "test encoder / other",
    "train keys",
    "test keys / 0 %",
    "train plain",
    "test plain / 0 %",
]


def test_each_job_comes_after_what_it_needs() -> None:
    assert list(JOBS) == ORDER
    both = job_order(chain_cells())
    assert [job.title for job in both] == [f"{name} / seed {seed}" for seed in (1, 2) for name in ORDER]


def test_references_become_paths() -> None:
    agent, encoder, keys = JOBS["train agent"], JOBS["train encoder"], JOBS["train keys"]
    harvest, elsewhere = JOBS["predict agent"], JOBS["predict elsewhere"]
    assert harvest.product == harvest.run.path / "harvest.npz"
    assert f"--data.harvest={harvest.product}" in encoder.arguments
    assert f"--data.harvest={elsewhere.product}" in JOBS["test encoder / other"].arguments
    assert f"--model.warm_start.agent={agent.run.best}" in keys.arguments
    assert f"--model.warm_start.keys={encoder.run.best}" in keys.arguments
    assert not any("@" in argument for job in JOBS.values() for argument in job.arguments)


def test_a_prediction_is_the_same_training_on_other_data() -> None:
    own, other = JOBS["predict agent"], JOBS["predict elsewhere"]
    assert own.training == other.training == JOBS["train agent"]
    assert own.arguments[:3] == other.arguments[:3] == ("predict", "--ckpt_path", str(JOBS["train agent"].run.best))
    assert "--data.predict_blocks=1" in own.arguments
    assert "--data.task.noise=0.2" in other.arguments
    assert "--data.predict_blocks=1" not in other.arguments
    assert len({job.run.path for job in JOBS.values()}) == len(JOBS)


def test_another_file_of_a_training_is_waited_for_too() -> None:
    job = chain_jobs(plain={"model.warm_start.agent": "@agent/checkpoints/last.ckpt"})["train plain"]
    assert job.needs == (JOBS["train agent"],)
    assert f"--model.warm_start.agent={JOBS['train agent'].run.last}" in job.arguments


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"agent": {**CONDITIONS["agent"], "model.loss.discount": 0.1}}, {"train plain", "test plain / 0 %"}),
        ({"agent": {"predicts": {"data.predict_blocks": 2}}}, {*ORDER[:2], *ORDER[9:], "predict elsewhere"}),
        ({"elsewhere": {**CONDITIONS["elsewhere"], "data.task.noise": 0.3}}, {*ORDER} - {*ORDER[5:7]}),
        ({"encoder": {**CONDITIONS["encoder"], "model.x": 1}}, {*ORDER[:3], *ORDER[9:], "predict elsewhere"}),
        ({"plain": {"model.loss.discount": 0.4}}, {*ORDER[:9]}),
    ],
    ids=["agent", "harvest", "harvest elsewhere", "encoder", "plain"],
)
def test_what_changes_changes_all_that_builds_on_it(changes: dict[str, Any], same: set[str]) -> None:
    now = chain_jobs(**changes)
    assert {title for title in JOBS if now[title].run.path == JOBS[title].run.path} == same


def test_without_references_nothing_is_said_of_them() -> None:
    assert set(JOBS["train plain"].identity) == {"config", "content", "seed", "arguments"}
    assert set(JOBS["test plain / 0 %"].identity) == {"trained", "arguments"}


def test_a_condition_with_a_seed_of_its_own_is_trained_once() -> None:
    agent = {**CONDITIONS["agent"], "seed": 7, "evaluations": {}}
    jobs = job_order(chain_cells(agent=agent, plain={"trained_as": "keys"}))
    titles = [job.title for job in jobs]
    for once in ("train agent / seed 7", "predict agent / seed 7", "predict elsewhere / seed 7"):
        assert titles.count(once) == 1
    assert sum("agent" in title or "elsewhere" in title for title in titles) == 3
    assert [title for title in titles if title.startswith("train encoder")] == [
        "train encoder / seed 1",
        "train encoder / seed 2",
    ]
    (training,) = [job for job in jobs if job.title == "train agent / seed 7"]
    assert training.arguments[training.arguments.index("--seed_everything") + 1] == "7"


def test_one_condition_alone_brings_what_it_needs() -> None:
    cells = [cell for cell in chain_cells() if cell.seed == 1]
    titles = [job.title.removesuffix(" / seed 1") for job in job_order(only(cells, "keys"))]
    assert titles == ["train agent", "predict agent", "train encoder", "train keys", "test keys / 0 %"]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_keep_chains_together(count: int) -> None:
    jobs = job_order(chain_cells())
    shards = [shard(jobs, index, count) for index in range(1, count + 1)]
    assert sorted(job.title for part in shards for job in part) == sorted(job.title for job in jobs)
    for part in shards:
        own = {job.run.path for job in part}
        assert all(needed.run.path in own for job in part for needed in job.needs)
        assert [job.title for job in part] == [job.title for job in jobs if job.run.path in own]
    assert sum(bool(part) for part in shards) == min(count, 4)  # a chain and a plain agent for each seed


def test_a_job_waits_for_everything_that_it_needs() -> None:
    waiting = [job for job in JOBS.values() if "plain" not in job.title]
    for number, job in enumerate(waiting):
        unfinished = {left.run.path for left in waiting[number:]}
        assert next_job(waiting[number:], unfinished) is job
    keys = JOBS["train keys"]
    assert next_job([keys], {JOBS["train encoder"].run.path}) is None
    assert next_job([keys], {JOBS["train agent"].run.path}) is None
    assert next_job([keys], {JOBS["predict elsewhere"].run.path}) is keys


def test_all_that_builds_on_a_failed_job_is_cancelled() -> None:
    def titles(failed: str) -> list[str]:
        return [job.title.removesuffix(" / seed 1") for job in cancelled(list(JOBS.values()), JOBS[failed])]

    assert titles("train agent") == ORDER[1:9]
    assert titles("predict agent") == [*ORDER[3:5], *ORDER[6:9]]
    assert titles("predict elsewhere") == ["test encoder / other"]
    assert titles("test keys / 0 %") == []
