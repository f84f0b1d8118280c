"""The commands: what they run, write and print, and input that is wrong."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
import yaml

from episodic.errors import InputError
from episodic.tasks.barcode_bandit import BarcodeBandit
from experiments import bandit_players, run
from experiments.commands import pipeline, results
from experiments.engine.cluster import ClusterOptions
from experiments.engine.job import Job, to_do
from experiments.engine.scheduling import Results
from experiments.engine.work import JobFailed, work
from experiments.planning.grid import Grid
from experiments.planning.plan import grid_cells
from experiments.planning.yaml_files import read_yaml
from experiments.report.pages import GRIDS
from experiments.run import run_grid
from experiments.tables.files import csv_path, read_table, write_table
from tests.experiments.fakes import NOISE, fake, grid_of
from tests.processes import interruptible, none_left
from tests.runs import one_error
from tests.tiny import PROJECT, tiny_bandit

ONE = ClusterOptions(workers=1)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done in this process, by a command line that takes no time."""

    def run_jobs(jobs: list[Job], options: ClusterOptions, progressed: object = None, samples: object = ()) -> Results:
        found = Results()
        for job in to_do(jobs) if options.can_work else []:
            with suppress(JobFailed):
                work(job, command=fake)
                continue
            found.failed.append((job, "it broke"))
        return found

    monkeypatch.setattr("experiments.run.run_jobs", run_jobs)


def file_of(grid: Grid, folder: Path, **content: Any) -> Path:
    """Write a grid's file."""
    axes = {"keys": {"cue": {}, "label": {"options": {"model.keys": "label"}}}, "noise": NOISE}
    defaults = {"config": grid.file.config, "seeds": [1, 2], "metrics": ["test/reward"], "axes": axes}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{grid.name}.yaml"
    path.write_text(yaml.safe_dump({**defaults, **content}))
    return path


def test_a_grid_is_run_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(grid_of(tmp_path), tmp_path)
    places = ["--root", str(tmp_path / "runs"), "--results", str(tmp_path)]
    assert run.main([str(path), *places, "--only", "label", "--seeds", "1"]) == 0
    assert f"2 of 8 rows in {tmp_path / 'small.csv'}" in capsys.readouterr().out
    assert run.main([str(path), *places, "--only", "label"]) == 0
    assert f"4 of 8 rows in {tmp_path / 'small.csv'}" in capsys.readouterr().out
    assert run.main([str(path), *places]) == 0
    assert "8 of 8 rows" in capsys.readouterr().out
    (tmp_path / "small.csv").unlink()
    assert run.main([str(path), *places, "--workers", "0"]) == 0
    assert "8 of 8 rows" in capsys.readouterr().out
    assert run.main([str(path), *places, "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all(line.startswith("done: test ") for line in lines)


def test_failures_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = grid_of(tmp_path, axes={"keys": {"good": {}, "bad": {"options": {"model.fake": "fail"}}}}, seeds=[1])
    assert run_grid(grid, tmp_path / "runs", tmp_path, ONE) == 1
    captured = capsys.readouterr()
    assert "failed: train bad / seed 1: " in captured.err
    assert "1 of 2 rows" in captured.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{tmp}/none.yaml"], "none.yaml does not exist"),
        (["{tmp}/small.yaml", "--only", "nothing"], "--only is 'nothing'"),
        (["{tmp}/small.yaml", "--seeds", "0"], "--seeds is 0: it must be 1 or more"),
        (["{tmp}/small.yaml", "--workers", "-1"], "--workers is -1"),
        (["{tmp}/small.yaml", "--workers", "two"], "invalid int value"),
        (["{tmp}/small.yaml", "--root", "{tmp}/small.yaml"], "--root is"),
        (["{tmp}/small.yaml", "--scheduler", "tcp://a:1", "--cluster", "b.yaml"], "only one of them"),
        (["{tmp}/small.yaml", "--shard", "1/2"], "unrecognized arguments"),
        ([], "arguments are required: grid"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file_of(grid_of(tmp_path), tmp_path)
    assert run.main([part.format(tmp=tmp_path) for part in arguments]) == 2
    assert complaint in one_error(capsys)


def test_what_a_file_holds_is_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("not a grid " * 100)
    assert run.main([str(path)]) == 2
    assert len(one_error(capsys)) < len(str(path)) + 120


def test_output_that_nobody_reads_ends_the_command(tmp_path: Path) -> None:
    axes = {"size": {"option": "model.size", "values": list(range(300))}}  # more than a pipe holds
    path = file_of(grid_of(tmp_path), tmp_path, axes=axes)
    command = [sys.executable, "-m", "experiments.run", str(path), "--list", "--root", str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"to do: ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two grids of the report."""
    monkeypatch.chdir(tmp_path)
    for order, name in enumerate(("later", "first")):
        report = {"question": "Does it?", "answer": "Yes.", "order": -order}
        file_of(grid_of(tmp_path, name), tmp_path / GRIDS, report=report)
    return tmp_path


def test_all_grids_of_the_report_are_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results.main([]) == 0
    captured = capsys.readouterr()
    assert captured.err.index("first.yaml") < captured.err.index("later.yaml")
    assert "report: docs/results.md" in captured.out
    assert "not written: results" in captured.err, "there is nothing to reproduce here"
    for name in ("first", "later"):
        assert len(read_table(csv_path(Path("results"), name), ())) == 8
        assert Path(f"docs/results/{name}.md").is_file()


def test_results_are_compared_and_replaced_once_a_grid_is_complete(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results.main(["--only", "first"]) == 0
    path = csv_path(Path("results"), "first")
    before = read_table(path, ())
    write_table(path, before.assign(**{"test/reward": before["test/reward"] + 0.25}))
    capsys.readouterr()
    assert results.main(["--only", "first"]) == 0
    assert (
        "0 of 8 values of the reward are the same as before, the others differ by up to 0.250"
        in capsys.readouterr().out
    )
    assert read_table(path, ()).equals(before)
    path.write_text("damaged")
    assert results.main(["--only", "first"]) == 0
    assert "not compared with what was there before" in capsys.readouterr().out


def test_equal_results_are_told() -> None:
    frame = pd.DataFrame({"condition": "a", "evaluation": "b", "seed": [1, 2], "test/reward": [1.0, 2.0]})
    assert results.agreement(frame, frame, "test/reward") == "all 2 values of the reward are the same as before"
    assert results.agreement(frame, frame[:0], "test/reward").startswith("no reward to compare")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "none"], "--only is 'none'"),
        (["--quick", "--only", "first"], "leave it out with --quick"),
        (["--output", "docs"], "must be a file with an ending"),
        (["--output", "docs/reproduction.md"], "not the reproduction page"),
        (["--results", "runs/experiments"], "another folder than --root"),
    ],
)
def test_bad_input_of_results_is_one_line(
    arguments: list[str], complaint: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results.main(arguments) == 2
    assert complaint in one_error(capsys)


def test_elsewhere_it_says_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for main, arguments in ((results.main, []), (results.main, ["--quick"]), (pipeline.main, [])):
        assert main(arguments) == 2
        assert "project's folder" in one_error(capsys)


@pytest.mark.parametrize("shipped", [False, True])
@pytest.mark.parametrize("generated", [False, True])
def test_pipelines(shipped: bool, generated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    content = read_yaml(pipeline.GRID)
    grid = pipeline.pipeline_grid(content, shipped, generated)
    assert content == read_yaml(pipeline.GRID)
    assert grid.name == "pipeline" + "_shipped" * shipped + "_generated" * generated
    cells = {cell.condition.name: cell for cell in grid_cells(grid, Path("runs"))}
    assert len(cells) == 7 - shipped
    drawing = cells["drawing"].training
    assert ("--model.warm_start.drawings=omniglot_encoder" in drawing.arguments) is shipped
    assert ("--data.drawings=GeneratedDrawings" in drawing.arguments) is generated
    assert cells["label"].training.key == drawing.key
    states = cells["encoder of hidden states"].training
    assert not any("GeneratedDrawings" in part for part in states.arguments)


def test_a_pipelines_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewards = {"test/reward": [8.0, 5.0, None], "test/recall_accuracy": [0.9, None, None]}
    exposures = {f"test/reward_exposure_{number:02d}": [number, 4.0, None] for number in (1, 2)}
    frame = pd.DataFrame({"condition": ["drawing", "no memory", "encoder"], **rewards, **exposures})
    pipeline.report(frame, tmp_path / "plot.png", generated=True)
    printed = capsys.readouterr().out
    assert "8.00" in printed
    assert "90.0%" in printed
    assert "encoder" not in printed
    assert (tmp_path / "plot.png").is_file()
    with pytest.raises(InputError, match="no agent has been tested"):
        pipeline.report(frame[2:], tmp_path / "plot.png", generated=True)


def test_regrets_of_players_are_those_of_a_loop() -> None:
    from episodic.tasks.players import PLAYERS, play_block

    task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=4)
    blocks = [task.draw_block(batch_size=5, seed=seed) for seed in (1, 2)]
    frame = bandit_players.player_regrets(task, blocks, ["ucb1"])
    sums: dict[tuple[int, int], list[float]] = {}
    for spec in blocks:
        regrets = play_block(PLAYERS["ucb1"], task, spec).regrets
        for episode in range(task.episodes):
            for environment in range(5):
                total = torch.tensor(0.0, dtype=torch.float64)
                for pull in range(4):
                    total += regrets[episode, pull, environment]
                    key = int(spec.exposures[episode, environment]), pull + 1
                    sums.setdefault(key, []).append(float(total))
    for row in frame.to_dict("records"):
        own = sums[row["exposure"], row["pull"]]
        assert row["episodes"] == len(own)
        assert row["regret"] == pytest.approx(sum(own) / len(own), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_no_worker_outlives_an_interrupted_command(number: int, status: int, tmp_path: Path) -> None:
    pairs = dict(zip(*[iter(tiny_bandit(tmp_path, epochs=500))] * 2, strict=True))
    options = {
        name.removeprefix("--"): value for name, value in pairs.items() if name not in ("--config", "--run.root")
    }
    content = {"config": pairs["--config"], "seeds": [1], "metrics": ["test/reward"], "axes": {"a": {"b": {}}}}
    path = tmp_path / "long.yaml"
    path.write_text(yaml.safe_dump({**content, "options": {**options, "trainer.callbacks": "[]"}}))
    command = [sys.executable, "-m", "experiments.run", str(path), "--root", str(tmp_path), "--results", str(tmp_path)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=PROJECT, preexec_fn=interruptible, **pipes)
    with none_left(process):
        deadline = time.monotonic() + 240
        while not list(tmp_path.glob("barcode_bandit/*/checkpoints/last.ckpt")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == status
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive
