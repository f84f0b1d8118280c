"""The page of what a small grid really leaves; it stands for both, since the barcode bandit needs no drawings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from cli import main as command
from experiments.attempt import carry_out
from experiments.grid import parse_grid
from experiments.grid_files import write_files
from experiments.jobs import grid_cells
from experiments.paper import AGENTS, EXPERIMENTS, NEAREST
from experiments.player_files import player_path
from experiments.reproduction import main, read_all
from experiments.selection import job_order
from tests.experiments.grids import overrides_of, said
from tests.tiny import PROJECT, tiny_bandit

EPOCHS, EXPOSURES = 1, 9
CONDITIONS: dict[str, Any] = {
    "epL2RL": {},
    NEAREST: {"trained_as": "epL2RL", "model.memory.threshold": -1},
    "L2RL": {"model.memory": None},
    "L2RL+context": {"model.memory": None, "model.perception.cue_input": True},
}


def test_the_command_works_on_what_the_runner_writes(tmp_path: Path) -> None:
    results = tmp_path / "results"
    asked = said(
        seeds=[1],
        overrides={**overrides_of(tiny_bandit(Path("-"), epochs=EPOCHS)), "data.task.exposures": EXPOSURES},
        evaluations={"test": {}},
        conditions=CONDITIONS,
        baseline="epL2RL",
        curves=["train/reward", "val/reward"],
        regret_by_pull=True,
    )
    grid = parse_grid(asked, "small")
    cells = grid_cells(grid, tmp_path / "runs")
    for job in job_order(cells):
        assert carry_out(job, "abc", command) == 0
    for experiment in EXPERIMENTS:
        tested = [cell._replace(evaluation=experiment.evaluation) for cell in cells]
        written = write_files(replace(grid, name=experiment.grid), tested, results, tmp_path / "runs")
        assert len(written.rows) == len(CONDITIONS)
    player_path(results).write_bytes(player_path(PROJECT / "results").read_bytes())

    rewards, regrets = read_all(results)
    block = 4 * 3 * EXPOSURES  # environments, contexts
    for found in rewards.values():
        for agent in AGENTS:
            assert list(found.training[agent]) == [block, 2 * block]
            assert list(found.validation[agent]) == [2 * block]
        assert 0 < found.test["epL2RL"].value < found.ideal + 1
    for line in regrets.agents.values():
        assert list(line) == [1, 2, 3, 4]
    assert main(["--results", str(results), "--output", str(tmp_path / "docs" / "page.md")]) == 0
