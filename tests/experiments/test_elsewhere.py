"""What was done by another grid or under another name is not done again.

With a command that leaves what each kind of job leaves.
"""

from pathlib import Path
from typing import Any

from experiments.attempt import carry_out
from experiments.grid import parse_grid
from experiments.job import Job
from experiments.jobs import grid_cells
from experiments.record import is_done, record_path
from experiments.results import collect
from experiments.selection import job_order
from tests.experiments.chains import CONDITIONS
from tests.experiments.grids import CONFIG

#: The same as the chain's, under other names and partly in another order.
RENAMED: dict[str, Any] = {
    "player": CONDITIONS["agent"],
    "map of states": {"data.harvest": "@player/harvest.npz", "evaluations": {"own": {}}},
    "keyed": {"model.warm_start.keys": "@map of states", "model.warm_start.agent": "@player"},
    "eager": {"model.loss.discount": 0.9},
}


def jobs_of(root: Path, name: str, conditions: dict[str, Any], **changes: Any) -> dict[str, Job]:
    """The jobs of one seed by their titles."""
    said = {"config": CONFIG, "seeds": [1], "metrics": ["test/reward"], "conditions": conditions, **changes}
    cells = grid_cells(parse_grid(said, name), root)
    return {job.title.removesuffix(" / seed 1"): job for job in job_order(cells)}


def do(jobs: dict[str, Job]) -> None:
    for job in jobs.values():

        def command(arguments: list[str], job: Job = job) -> int:
            job.product.parent.mkdir(parents=True, exist_ok=True)
            job.product.write_text('{"test/reward": 1.0}')
            return 0

        assert is_done(job) or carry_out(job, "a", command) == 0


def undone(jobs: dict[str, Job]) -> list[str]:
    return [title for title, job in jobs.items() if not is_done(job)]


def test_trainings_and_harvests_of_another_grid_are_used_and_tests_are_done(tmp_path: Path) -> None:
    assert undone(jobs_of(tmp_path, "second", RENAMED)) == list(jobs_of(tmp_path, "second", RENAMED))
    do(jobs_of(tmp_path, "first", CONDITIONS))
    second = jobs_of(tmp_path, "second", RENAMED)
    assert undone(second) == ["test player / test", "test map of states / own", "test keyed / test", *NEW]
    assert second["train keyed"].run.path.is_relative_to(tmp_path / "first" / "keys")
    test = second["test keyed / test"]
    assert test.run.path.is_relative_to(tmp_path / "second" / "keyed")
    assert str(second["train keyed"].run.best) in test.arguments
    do(second)
    assert not undone(jobs_of(tmp_path, "second", RENAMED))


NEW = ["train eager", "test eager / test"]


SAME: dict[str, Any] = {**CONDITIONS, **RENAMED, "other": {"model.loss.discount": 0.9}}


def test_what_two_conditions_of_a_grid_have_in_common_is_done_once(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "both", SAME)
    alone = jobs_of(tmp_path, "alone", CONDITIONS)
    made = [title for title in jobs if not title.startswith("test ")]
    assert made == [*(title for title in alone if not title.startswith("test ")), "train eager"]
    assert {title for title in jobs if title.startswith("test ")} > {"test agent / test", "test player / test"}
    do(jobs)
    assert not undone(jobs_of(tmp_path, "both", SAME))
    said = {"config": CONFIG, "seeds": [1], "metrics": ["test/reward"], "conditions": SAME}
    assert {row.condition for row in collect(grid_cells(parse_grid(said, "both"), tmp_path))} >= {"eager", "other"}


def test_a_condition_that_gets_another_name_is_tested_alone(tmp_path: Path) -> None:
    do(jobs_of(tmp_path, "first", CONDITIONS))
    renamed = jobs_of(tmp_path, "first", RENAMED)
    assert undone(renamed) == ["test player / test", "test map of states / own", "test keyed / test", *NEW]
    do(renamed)
    assert not undone(jobs_of(tmp_path, "first", RENAMED))


def test_what_was_done_twice_before_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("eager", "other"):
        do(jobs_of(tmp_path / name, "both", {name: {"model.loss.discount": 0.9}}))
        (tmp_path / "both").mkdir(exist_ok=True)
        (tmp_path / name / "both" / name).rename(tmp_path / "both" / name)
    pair = {name: {"model.loss.discount": 0.9} for name in ("eager", "other")}
    both = jobs_of(tmp_path, "both", pair)
    assert [title for title in both if title.startswith("train ")] == ["train eager", "train other"]
    assert not undone(both)


def test_the_rows_tell_where_they_come_from(tmp_path: Path) -> None:
    do(jobs_of(tmp_path, "first", CONDITIONS))
    do(jobs_of(tmp_path, "second", RENAMED))
    said = {"config": CONFIG, "seeds": [1], "metrics": ["test/reward"], "conditions": RENAMED}
    rows = collect(grid_cells(parse_grid(said, "second"), tmp_path))
    assert [row.condition for row in rows] == list(RENAMED)
    assert {row.revision for row in rows} == {"a"}


def test_what_is_overridden_twice_counts_once(tmp_path: Path) -> None:
    plain = {"agent": {"model.loss.discount": 0.5, "model.trace": 0.9}}
    do(jobs_of(tmp_path, "first", plain))
    told_twice = {"overrides": {"model.trace": 0.9, "model.loss.discount": 0.1}}
    assert undone(jobs_of(tmp_path, "second", {"agent": {"model.loss.discount": 0.5}}, **told_twice)) == [
        "test agent / test"
    ]
    assert len(undone(jobs_of(tmp_path, "second", {"agent": {"model.loss.discount": 0.1}}, **told_twice))) == 2


def test_what_adds_to_a_list_counts_each_time(tmp_path: Path) -> None:
    once, twice = ({"agent": {"trainer.callbacks+": "BanditPlots"}}, {"overrides": {"trainer.callbacks+": "Timer"}})
    do(jobs_of(tmp_path, "first", once))
    assert len(undone(jobs_of(tmp_path, "second", once, **twice))) == 2


def test_a_training_that_is_gone_or_half_done_elsewhere_is_done_here(tmp_path: Path) -> None:
    first = jobs_of(tmp_path, "first", CONDITIONS)
    do(first)
    first["train agent"].product.unlink()
    second = jobs_of(tmp_path, "second", RENAMED)
    assert second["train player"].run.path.is_relative_to(tmp_path / "second")
    assert undone(second) == list(second)


def test_what_was_begun_here_is_gone_on_with_here(tmp_path: Path) -> None:
    second = jobs_of(tmp_path, "second", RENAMED)
    do(second)
    do(jobs_of(tmp_path, "first", CONDITIONS))
    again = jobs_of(tmp_path, "second", RENAMED)
    assert {title: job.run for title, job in again.items()} == {title: job.run for title, job in second.items()}


def test_a_record_that_cannot_be_read_is_no_training(tmp_path: Path) -> None:
    first = jobs_of(tmp_path, "first", CONDITIONS)
    do(first)
    record_path(first["train agent"].run).write_text("{")
    assert "train player" in undone(jobs_of(tmp_path, "second", RENAMED))
