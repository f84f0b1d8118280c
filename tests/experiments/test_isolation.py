"""Jobs in one warm worker give what they give in processes of their own, bit by bit."""

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from weakref import WeakSet

import pytest

from cli import main
from experiments.engine.isolation import isolated
from experiments.engine.job import Job, to_do
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import parse_grid
from experiments.planning.plan import grid_cells
from lightning_modules.episodic_agent import EpisodicAgent
from tests.runs import differences, read
from tests.tiny import PROJECT, tiny_bandit

RUN = """
import sys
from distributed import Client, LocalCluster
from experiments.engine.scheduling import run_on
from experiments.engine.job import to_do
from tests.experiments.test_isolation import jobs_in
if __name__ == "__main__":
    chosen = [int(number) for number in sys.argv[2].split(",")]
    jobs = to_do(jobs_in(sys.argv[1]))
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        results = run_on(client, [jobs[number] for number in chosen])
    assert not results.failed, results.failed
"""


def grid_in(folder: Path) -> Grid:
    """Two trainings that leave other things behind: doubles and determinism, and a noisy task with two threads."""
    pairs = dict(zip(*[iter(tiny_bandit(folder, epochs=2))] * 2, strict=True))
    shared = {name.removeprefix("--"): value for name, value in pairs.items() if name not in ("--config", "--run.root")}
    axes = {
        "what": {
            "doubles": {"options": {"trainer.precision": "32-true", "trainer.deterministic": True}},
            "threads": {"options": {"run.threads": 2, "data.task.noise": 0.2, "trainer.benchmark": False}},
        }
    }
    content = {"config": pairs["--config"], "seeds": [1], "metrics": ["test/reward"], "axes": axes}
    return parse_grid({**content, "options": {**shared, "trainer.callbacks": "[]"}}, "isolated")


def jobs_in(folder: str) -> list[Job]:
    return [cell.test for cell in grid_cells(grid_in(Path(folder)), Path(folder))]


@pytest.mark.slow
def test_a_warm_worker_gives_what_fresh_ones_give(tmp_path: Path) -> None:
    warm, fresh = tmp_path / "warm", tmp_path / "fresh"
    for folder in (warm, fresh):
        folder.mkdir()
    trainings = len(to_do(jobs_in(str(warm)))) // 2
    runs = [(warm, "0,1,2,3"), (fresh, "0,1"), (fresh, "0,1")]  # the second time, the first pair is done
    for folder, chosen in runs:
        subprocess.run([sys.executable, "-c", RUN, str(folder), chosen], cwd=PROJECT, check=True, timeout=300)
    assert trainings == 2
    for one, other in zip(jobs_in(str(warm)), jobs_in(str(fresh)), strict=True):
        for name in ("last", "best"):
            assert differences(read(one.needs[0].run.path, name), read(other.needs[0].run.path, name), name) == []
        assert one.product.read_bytes() == other.product.read_bytes()
        assert json.loads(one.product.read_text())


@pytest.mark.parametrize("apart", [isolated, nullcontext])
def test_a_process_keeps_at_most_the_last_agent(
    apart: Callable[[], AbstractContextManager[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents, setup = WeakSet[EpisodicAgent](), EpisodicAgent.setup

    def noted(agent: EpisodicAgent, stage: str) -> None:
        agents.add(agent)
        setup(agent, stage)

    monkeypatch.setattr(EpisodicAgent, "setup", noted)
    for _ in range(3):
        with apart():
            assert main(["fit", *tiny_bandit(tmp_path, epochs=1), "--trainer.callbacks", "[]"]) == 0
    gc.collect()
    assert len(agents) <= 1
