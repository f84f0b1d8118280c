"""The cells of the benchmark, with all stages that they build on: they train and are tested in small."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cli import main
from episodic.native import arithmetic
from experiments.engine.checking import complaint, options_of
from experiments.engine.job import read_record, to_do
from experiments.engine.work import work
from experiments.planning.grid_reader import parse_grid, read_grid
from experiments.planning.plan import grid_cells
from experiments.planning.yaml_files import read_yaml
from experiments.tables.files import collect
from tests.tiny import PROJECT, SMALL

FILE = PROJECT / "experiments" / "grids" / "benchmark.yaml"
FEW = {
    **{f"data.{split}environments": 4 for split in ("", "val_", "test_")},
    **{"data.blocks_per_epoch": 1, "data.test_blocks": 1, "trainer.max_epochs": 1},
}
FEW_STATES = {"data.predict_environments": 8, "data.predict_blocks": 1}
ENCODER = {"trainer.max_epochs": 1, "data.steps": 2, "data.batch_size": 32}
#: Ways to remember that are trained on a task.
TRAINED = {
    "barcode bandit": list(read_yaml(FILE)["axes"]["remembers"]),
    "Omniglot bandit": ["delta rule", "epL2RL, encoded states"],
}


def small(task: str, drawings: Path) -> dict[str, Any]:
    """Return the grid of one task and one seed, with small blocks and short trainings."""
    content = read_yaml(FILE)
    level = deepcopy(content["axes"]["task"][task])
    name = next(name for name in SMALL if Path(level["config"]).name.startswith(name))
    sizes: dict[str, Any] = {f"data.{option}": number for option, number in SMALL[name].items()}
    sizes |= {"data.task.vocabulary": 6} if name == "compositional" else {}
    if task == "Omniglot bandit":
        sizes |= {"data.root": str(drawings), "data.drawings.check_counts": False}
        sizes |= {"data.protocol.validation_alphabets": 2}
    level["options"] = {**level.get("options", {}), **sizes, **FEW}
    stages = level.setdefault("stages", {})
    for stage, options in (("agent", {**level["options"], **FEW_STATES}), ("encoder", ENCODER)):
        own = stages.setdefault(stage, {})
        own["options"] = {**own.get("options", {}), **options}
    content["axes"]["task"] = {task: level}
    content["seeds"] = [1]
    for key in ("additions", "skip"):
        content[key] = [part for part in content[key] if _concerns(part.get("where", part), task)]
        content[key] = [_for_task(part, task, key) for part in content[key]]
    content["additions"].append({"where": {}, "options": {**sizes, **FEW}, "seeds": [1]})
    return dict(content)


def _concerns(where: dict[str, Any], task: str) -> bool:
    tasks = where.get("task", task)
    return task in (tasks if isinstance(tasks, list) else [tasks])


def _for_task(part: dict[str, Any], task: str, key: str) -> dict[str, Any]:
    if key == "skip":
        return {**part, "task": task}
    own = {**part, "where": {**part["where"], "task": task}}
    own.pop("seeds", None)
    return own


@pytest.mark.slow
@pytest.mark.parametrize("task", TRAINED)
def test_every_cell_of_a_task_trains_and_is_tested(
    task: str, generated_omniglot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    grid = parse_grid(small(task, generated_omniglot), "benchmark")
    cells = [cell for cell in grid_cells(grid, tmp_path) if cell.condition.levels["remembers"] in TRAINED[task]]
    for job in to_do([cell.test for cell in cells]):
        work(job, command=main)
    frame = collect(grid, cells)
    assert list(frame["remembers"]) == [cell.condition.levels["remembers"] for cell in cells]
    assert (frame["parameters"] > 1000).all()
    assert frame["test/ideal_fraction"].between(0, 2).all()
    record = read_record(cells[0].training)
    assert record is not None
    assert record.arithmetic == arithmetic()


@pytest.mark.slow
def test_the_command_line_takes_the_options_of_the_other_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each task and each way to remember at least one; a run of the grid checks them all before it trains."""
    monkeypatch.chdir(PROJECT)
    cells = [cell for cell in grid_cells(read_grid(FILE), tmp_path) if cell.condition.levels["task"] not in TRAINED]
    chosen = list({cell.condition.name: cell for cell in cells}.values())[::4]
    for axis, left_out in (("task", len(TRAINED)), ("remembers", 0)):
        assert len({cell.condition.levels[axis] for cell in chosen}) == len(read_yaml(FILE)["axes"][axis]) - left_out
    tests = {cell.condition.name: cell.test for cell in chosen}
    assert {name: complaint(options_of(test)) for name, test in tests.items()} == dict.fromkeys(tests, "")
