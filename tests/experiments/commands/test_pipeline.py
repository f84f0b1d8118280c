"""All stages on the Omniglot bandit: which grid it is, what is told of it, and a small one from start to end."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import main as command
from episodic.errors import InputError
from experiments.commands import pipeline
from experiments.commands.pipeline import ENCODER, comparison, main, pipeline_grid, report
from experiments.grid import Grid
from experiments.job import Job
from experiments.jobs import grid_cells
from experiments.results import Row, read_rows, write_rows
from experiments.run import Runner
from experiments.selection import job_order
from experiments.unique_keys import read_yaml
from launcher.stage_cli import StageCLI
from tests.experiments.grids import overrides_of
from tests.tiny import CONFIGS, PROJECT, tiny_encoder, tiny_hidden_state_encoder, tiny_omniglot_bandit

AGENTS = ["no memory", "drawing", "hidden state", "encoded hidden state", "label"]
COMBINATIONS = list(itertools.product((False, True), repeat=2))


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configs are named relative to the working directory."""
    monkeypatch.chdir(PROJECT)


def shipped_file() -> dict[str, Any]:
    """What the pipeline's file says."""
    said: dict[str, Any] = read_yaml(pipeline.GRID.read_text())
    return said


def jobs_of(grid: Grid) -> list[Job]:
    return job_order(grid_cells(grid, Path("runs")))


@pytest.mark.parametrize(("shipped", "generated"), COMBINATIONS)
def test_each_of_the_four_pipelines_is_a_grid_of_its_own(shipped: bool, generated: bool) -> None:
    grid = pipeline_grid(shipped_file(), shipped, generated)
    assert grid.name == "pipeline" + "_shipped" * shipped + "_generated" * generated
    assert (ENCODER in grid.conditions) is not shipped
    assert [name for name in grid.tested if name in AGENTS] == AGENTS
    arguments = [argument for job in jobs_of(grid) if job.training is None for argument in job.arguments]
    assert ("--model.warm_start.drawings=omniglot_encoder" in arguments) is shipped
    for condition in grid.conditions.values():
        assert condition.config in [path.relative_to(PROJECT) for path in CONFIGS]
        looks = "omniglot_hidden_state_encoder" not in condition.config.name
        on_generated = "--data.drawings=GeneratedDrawings" in condition.arguments
        assert on_generated == (generated and looks), condition.name


def test_a_pipeline_leaves_what_its_file_says_as_it_was() -> None:
    said = shipped_file()
    for shipped, generated in COMBINATIONS:
        pipeline_grid(said, shipped, generated)
    assert said == shipped_file()


class Parsed(Exception):
    """Ends a command once its arguments have been read."""


@pytest.mark.parametrize(("shipped", "generated"), COMBINATIONS)
def test_the_command_line_takes_every_job(shipped: bool, generated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(_: StageCLI) -> None:
        raise Parsed

    monkeypatch.setattr(StageCLI, "before_instantiate_classes", parsed)
    for job in jobs_of(pipeline_grid(shipped_file(), shipped, generated)):
        if job.training is not None and not job.identity["arguments"]:
            continue  # it says nothing that its training does not
        # A training's arguments stand in its run's config, which tests and predictions start from.
        before = job.training.arguments[1:] if job.training is not None else ()
        with pytest.raises(Parsed):
            command([job.arguments[0], *before, *job.arguments[1:]])


def rows() -> list[Row]:
    """Of an encoder, of agents with and without a memory, and of one that was tested without a reward."""
    rewards = {"test/reward": 7.5, "test/reward_exposure_01": 4.0, "test/reward_exposure_02": 8.0}
    metrics = {
        ENCODER: {"test/accuracy": 0.9},
        "no memory": {**rewards, "test/reward": 4.25},
        "drawing": {**rewards, "test/recall_accuracy": 0.875},
        "hidden state": {"test/reward": float("nan")},
    }
    return [Row(name, "test", 1, found, "r", 1.0) for name, found in metrics.items()]


def test_a_report_prints_and_draws_the_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(rows(), tmp_path / "figure.png", generated=False)
    told = capsys.readouterr().out
    lines = {line.strip("│ ").split(" ")[0]: line for line in told.splitlines() if "│" in line}
    assert "4.25" in lines["no"]
    assert lines["no"].rstrip("│ ").endswith("-")
    assert "7.50" in lines["drawing"]
    assert "87.5%" in lines["drawing"]
    assert len(lines) == 2
    assert "characters that no stage has seen" in " ".join(told.split())
    assert f"figure: {tmp_path / 'figure.png'}" in told
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_compares_overall_and_by_exposure() -> None:
    agents = rows()[1:3]
    bars, lines = comparison(agents, "title").axes
    assert [patch.get_width() for patch in bars.patches] == [4.25, 7.5]  # type: ignore[attr-defined]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["no memory", "drawing"]
    assert [line.get_ydata().tolist() for line in lines.lines] == [[4.0, 8.0]] * 2  # type: ignore[union-attr]
    assert [line.get_xdata().tolist() for line in lines.lines] == [[1, 2]] * 2  # type: ignore[union-attr]


def test_nothing_to_report_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^no agent has been tested"):
        report(rows()[:1], Path("none.png"), generated=False)


@pytest.mark.parametrize("failed", [0, 1])
def test_without_agents_the_status_is_that_of_the_stages(
    failed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def instead(grid: Grid, root: Path, results: Path, workers: int) -> int:
        write_rows(results / f"{grid.name}.csv", rows()[:1])
        return failed

    monkeypatch.setattr(pipeline, "run_grid", instead)
    assert main(["--generated", "--root", str(tmp_path)]) == (failed or 2)
    assert capsys.readouterr().err == "error: no agent has been tested: see the messages above\n"


def without_omniglot(root: str | None) -> Path:
    raise InputError("no Omniglot: looked everywhere")


def with_omniglot(root: str | None) -> Path:
    return Path("data")


@pytest.mark.parametrize(
    ("options", "find", "name"),
    [
        ([], with_omniglot, "pipeline"),
        ([], without_omniglot, "pipeline_generated"),
        (["--shipped"], without_omniglot, "pipeline_shipped_generated"),
        (["--generated"], with_omniglot, "pipeline_generated"),
    ],
)
def test_without_omniglot_it_goes_on_with_generated_characters_and_says_so(
    options: list[str],
    find: Any,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def instead(grid: Grid, root: Path, results: Path, workers: int) -> int:
        write_rows(results / f"{grid.name}.csv", rows())
        return 1

    monkeypatch.setattr(pipeline, "find_omniglot", find)
    monkeypatch.setattr(pipeline, "run_grid", instead)
    assert main([*options, "--root", str(tmp_path)]) == 1, "it has to pass on that a stage failed"
    told = capsys.readouterr()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.csv", f"{name}.png"]
    assert ("generated characters:" in " ".join(told.out.split())) is ("generated" in name)
    assert f"tensorboard --logdir {tmp_path / name}" in told.out
    warned = ["no Omniglot: looked everywhere", "going on with generated characters: what follows says nothing of"]
    missed = find is without_omniglot
    assert [line in told.err for line in warned] == [missed, missed]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--nosuch"], "unrecognized arguments: --nosuch"),
        (["--workers", "two"], "invalid int value: 'two'"),
        (["--workers", "-1"], "--workers is -1"),
        (["--root", "pyproject.toml"], "--root is pyproject.toml: it must be a folder"),
        (["--workers", "0"], "no agent has been tested"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--generated", "--root", str(tmp_path), *options]) == 2
    written = capsys.readouterr().err
    assert written.startswith("error: ")
    assert complaint in written
    assert written.count("\n") == 1


def test_outside_of_the_project_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--generated"]) == 2
    assert capsys.readouterr().err == (
        "error: grid experiments/pipeline.yaml does not exist: run this in the project's folder\n"
    )


def small(folder: Path, drawings: Path) -> Path:
    """A file of the same pipeline with small networks, few blocks and an epoch a stage."""
    said = shipped_file()
    bandit = overrides_of(tiny_omniglot_bandit(folder, drawings, "omniglot_bandit_l2rl", epochs=1))
    drawn = overrides_of(tiny_encoder(folder, drawings, epochs=1))
    states = overrides_of(tiny_hidden_state_encoder(folder, epochs=1))
    key = {"model.keys.embedder.embedding_size": 8, "model.keys.embedder.hidden_layer": 12}
    for name, section in said["conditions"].items():
        if name == ENCODER:
            section |= drawn
        elif name == "encoder of hidden states":
            section |= {**states, "data.harvest": section["data.harvest"]}
        elif "trained_as" not in section:
            section |= bandit | (key if name == "encoded hidden state" else {})
            if name != "no memory":
                section["model.perception.embedder.cache_dir"] = str(folder / "cache")
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return path


@pytest.mark.slow
def test_a_pipeline_goes_from_drawings_to_agents_and_on_where_it_was(
    tmp_path: Path, generated_omniglot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "GRID", small(tmp_path, generated_omniglot))
    monkeypatch.setattr(pipeline, "find_omniglot", lambda root: generated_omniglot)
    root = tmp_path / "runs"
    place = ["--root", str(root), "--workers", "1"]
    with monkeypatch.context() as patched:
        take, ended = Runner._take, list[Job]()

        def interrupted(self: Runner, job: Job, *rest: Any) -> None:
            take(self, job, *rest)
            ended.append(job)
            if len(ended) == 3:
                raise KeyboardInterrupt

        patched.setattr(Runner, "_take", interrupted)
        assert main(place) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted: the same command goes on from here"
    before = {job.product: job.product.stat().st_mtime_ns for job in ended}
    assert len(before) == 3

    assert main(place) == 0
    told = capsys.readouterr()
    assert "7 of 7 rows" in told.out
    assert before == {path: path.stat().st_mtime_ns for path in before}, "what was done was done again"
    found = {row.condition: row.metrics for row in read_rows(root / "pipeline.csv")}
    assert list(found) == [ENCODER, "no memory", "drawing", "encoder of hidden states", *AGENTS[2:]]
    assert found["label"]["test/recall_accuracy"] == 1
    assert "test/recall_accuracy" not in found["no memory"]
    assert (root / "pipeline.png").is_file()
