"""Searches: their files, their storages, trials that are stopped early, processes that die."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml
from distributed import Client, LocalCluster
from optuna.trial import TrialState

from episodic.errors import InputError
from experiments.engine.cluster import ClusterOptions
from experiments.search import study as command
from experiments.search.file import Search, read_search
from experiments.search.grid_search import read_searches
from experiments.search.results import counted, is_settled, ranked
from experiments.search.storage import PROCESS, open_study, take_up_dead
from experiments.search.study import SearchLoop, run_search
from experiments.search.trial import Ended, best_value
from tests.processes import free_port
from tests.runs import one_error
from tests.tiny import PROJECT, tiny_bandit

CONFIG = str(PROJECT / "configs" / "barcode_bandit.yaml")


def search_of(folder: Path, **content: Any) -> Search:
    """Return a small search."""
    path = folder / "small.yaml"
    parameters = {"model.loss.discount": {"low": 0.0, "high": 1.0}, "model.core": {"choices": ["a", "b"]}}
    defaults = {"config": CONFIG, "seeds": [1], "metric": "val/reward", "trials": 6, "parameters": parameters}
    path.write_text(yaml.safe_dump({**defaults, **content}))
    return read_search(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"metric": "test/reward"}, "must be a validation metric"),
        ({"metric": "val/rewards"}, "logged by none"),
        ({"direction": "up"}, "direction is 'up'"),
        ({"pruner": "none at all"}, "pruner is"),
        ({"trials": 0}, "trials is 0"),
        ({"parameters": {}}, "parameters is empty"),
        ({"parameters": {"model.a": {"low": 1}}}, "model.a: it must have choices"),
        ({"parameters": {"model.a": {"low": 2, "high": 1}}}, "model.a: it must have choices"),
        ({"parameters": {"model.a": {"low": 0.0, "high": 1.0, "log": True}}}, "model.a: "),
        ({"parameters": {"model.a": {"choices": []}}}, "model.a: "),
        ({"parameters": {"model.a": {"low": 1, "high": 5, "step": 0}}}, "model.a: its step is 0: it must be above 0"),
        ({"parameters": {"model.a": {"low": 1, "high": 5, "step": 1.5}}}, "model.a: its step is 1.5: it must be whole"),
        ({"parameters": {"run.root": {"low": 0, "high": 1}}}, "run.root cannot be set here"),
        ({"options": {"model.core": "a"}}, "use only one"),
        ({"first": {"model.corre": "a"}}, "first, model.corre: it must be one of parameters, model.core, "),
        ({"first": {"model.loss.discount": 1.5}}, "first, model.loss.discount is 1.5: it must be one of the values"),
        ({"first": {"model.core": "c"}}, "first, model.core is c"),
        ({"parameters": {"model.a": {"low": 1, "high": 5}}, "first": {"model.a": 2.5}}, "first, model.a is 2.5"),
        ({"parameters": {"model.a": {"low": 1, "high": 5, "step": 2}}, "first": {"model.a": 4}}, "first, model.a is 4"),
        ({"trails": 5}, "does not accept option 'trails'"),
    ],
)
def test_a_wrong_file_is_one_line(content: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        search_of(tmp_path, **content)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "experiments" / "searches").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_search_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    searches = read_searches(path, trials=3)
    assert {search.trials for search in searches} == {3}
    assert len({search.name for search in searches}) == len(searches)


def grid_search_of(folder: Path, **content: Any) -> Path:
    """Return the file of searches over a small grid with a memory, without one, and with stages."""
    remembers = {
        "L2RL": {"options": {"model.memory": None}},
        "epL2RL": {"options": {"model.optimizer.lr": 0.5}},
        "encoded": {"options": {"model.warm_start.agent": "@agent"}},
    }
    axes = {"noise": {"option": "data.task.noise", "values": [0.0, 0.2]}, "remembers": remembers}
    grid = {"config": CONFIG, "seeds": [1], "metrics": ["test/reward"], "axes": axes, "stages": {"agent": {}}}
    (folder / "grid.yaml").write_text(yaml.safe_dump({**grid, "options": {"trainer.max_epochs": 1}}))
    parameters = {"model.optimizer.lr": {"low": 0.1, "high": 1.0}}
    further = [{"where": {"remembers": "epL2RL"}, "parameters": {"model.memory.neighbours": {"choices": [1, 3]}}}]
    own = {"grid": str(folder / "grid.yaml"), "seeds": [5], "metric": "val/reward", "trials": 4, "additions": further}
    path = folder / "over.yaml"
    path.write_text(yaml.safe_dump({**own, "parameters": parameters, "skip": [{"remembers": "encoded"}], **content}))
    return path


def test_a_search_over_a_grid_has_a_search_for_each_condition(tmp_path: Path) -> None:
    searches = read_searches(grid_search_of(tmp_path, options={"data.environments": 4}))
    assert [search.name for search in searches] == [
        f"over-noise_{noise}_{way}" for noise in ("0_0", "0_2") for way in ("L2RL", "epL2RL")
    ]
    plain, memory = searches[2:]
    expected = {"trainer.max_epochs": 1, "data.task.noise": 0.2, "model.memory": None, "data.environments": 4}
    assert plain.file.options == expected
    assert plain.file.config == CONFIG
    assert (list(plain.file.parameters), plain.trials) == (["model.optimizer.lr"], 4)
    assert "model.optimizer.lr" not in memory.file.options  # the search chooses it
    assert list(memory.file.parameters) == ["model.optimizer.lr", "model.memory.neighbours"]
    assert memory.file.first == {"model.optimizer.lr": 0.5}  # the condition's own; it says nothing of neighbours
    assert plain.file.first == {}  # the config's own, 0.025, is not allowed


def test_a_search_begins_with_what_the_config_says(tmp_path: Path) -> None:
    parameters = {"model.optimizer.lr": {"low": 0.001, "high": 1.0}, "model.loss.discount": {"choices": [0.3, 0.5]}}
    further = {"where": {"remembers": "L2RL"}, "options": {"trainer.max_epochs": 3}, "seeds": [7, 8]}
    plain, memory = read_searches(grid_search_of(tmp_path, parameters=parameters, additions=[further]))[:2]
    assert plain.file.first == {"model.optimizer.lr": 0.025, "model.loss.discount": 0.3}
    assert plain.file.options["trainer.max_epochs"] == 3
    assert memory.file.first == {"model.optimizer.lr": 0.5, "model.loss.discount": 0.3}
    assert memory.file.options["trainer.max_epochs"] == 1
    assert (plain.file.seeds, memory.file.seeds) == ([7, 8], [5])


@pytest.mark.usefixtures("fake_trials")
def test_the_trials_of_all_searches_over_a_grid_are_in_one_table(client: Client, tmp_path: Path) -> None:
    parameters = {"model.loss.discount": {"low": 0.2, "high": 0.9}, "model.core": {"choices": ["a", "b"]}}
    path = grid_search_of(tmp_path, parameters=parameters, trials=2)
    address = client.scheduler.address  # type: ignore[union-attr]
    assert command.main([str(path), "--root", str(tmp_path / "root"), "--scheduler", str(address)]) == 0
    table = pd.read_csv(tmp_path / "root" / "over.csv")
    assert table.groupby("search", sort=False).size().to_dict() == {
        f"over-noise_{noise}_{way}": 2 for noise in ("0_0", "0_2") for way in ("L2RL", "epL2RL")
    }
    assert table["model.loss.discount"].tolist()[::2] == [0.3] * 4  # the config's own comes first
    assert list(table.columns[:4]) == ["search", "trial", "state", "val/reward"]


@pytest.mark.parametrize(
    ("content", "only", "complaint"),
    [
        ({"skip": []}, "", "builds on stages"),
        ({}, "LRU", "--only is 'LRU'"),
        ({"skip": [{"remembers": "none"}]}, "", "remembers is 'none'"),
        ({"additions": [{"where": {"way": "x"}, "parameters": {}}]}, "", "axis is 'way'"),
        ({"metric": "test/reward"}, "", "must be a validation metric"),
    ],
)
def test_a_wrong_search_over_a_grid_is_one_line(
    content: dict[str, Any], only: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        read_searches(grid_search_of(tmp_path, **content), only=only)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


def value_of(values: dict[str, Any]) -> float:
    return -((values["model.loss.discount"] - 0.7) ** 2) + (values["model.core"] == "b")


def fake_trial(jobs: Any, storage: str, study: str, pruner: Any, trial_id: int, metric: str, folder: str) -> Ended:
    """In place of a training: `fail` and `prune` are files."""
    given = dict(part.removeprefix("--").split("=", 1) for part in jobs[0].arguments if "=" in part)
    if "nan" in given.get("model.fake", ""):
        raise ValueError("it broke")
    values = {"model.loss.discount": float(given["model.loss.discount"]), "model.core": given["model.core"]}
    return Ended([value_of(values)], values["model.loss.discount"] < 0.1, 1.0)


@pytest.fixture
def fake_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.search.trial.train_trial", fake_trial)


STORAGES = ["sqlite", "journal"]


def storage_of(kind: str, folder: Path) -> str | None:
    return None if kind == "sqlite" else str(folder / "journal.log")


@pytest.mark.usefixtures("fake_trials")
@pytest.mark.parametrize("kind", STORAGES)
def test_a_search_does_its_trials_once(kind: str, client: Client, tmp_path: Path) -> None:
    search, storage = search_of(tmp_path), storage_of(kind, tmp_path)
    study, address = open_study(search, tmp_path, storage)
    SearchLoop(search, study, address, tmp_path, client).run()
    assert [trial.number for trial in counted(study)] == list(range(6))
    for trial in ranked(study):
        assert trial.value == pytest.approx(value_of(trial.params))
    assert is_settled(open_study(search, tmp_path, storage)[0], 6)
    SearchLoop(search, study, address, tmp_path, client).run()
    assert len(study.trials) == 6


@pytest.mark.usefixtures("fake_trials")
@pytest.mark.parametrize("kind", STORAGES)
def test_the_first_trial_has_the_values_of_the_file(kind: str, client: Client, tmp_path: Path) -> None:
    search, storage = search_of(tmp_path, first={"model.loss.discount": 0.25}), storage_of(kind, tmp_path)
    study, address = open_study(search, tmp_path, storage)
    SearchLoop(search, study, address, tmp_path, client).run()
    assert study.trials[0].params["model.loss.discount"] == 0.25
    assert study.trials[0].params["model.core"] in ("a", "b")
    assert [trial.number for trial in counted(study)] == list(range(6))


@pytest.mark.usefixtures("fake_trials")
def test_a_failed_trial_is_told_and_the_rest_go_on(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = {"model.fake": {"choices": ["x", "nan"]}, "model.loss.discount": {"low": 0.2, "high": 0.9},
               "model.core": {"choices": ["a", "b"]}}  # fmt: skip
    search = search_of(tmp_path, parameters=choices, trials=8)
    study, address = open_study(search, tmp_path)
    SearchLoop(search, study, address, tmp_path, client).run()
    status = run_search(search, tmp_path, ClusterOptions(workers=0))
    captured = capsys.readouterr()
    assert status == 1
    assert "ValueError: it broke" in captured.err
    assert "8 of 8 trials" in captured.out
    frame = pd.read_csv(tmp_path / "small" / "trials.csv")
    assert set(frame["state"]) == {"complete", "fail"}
    assert (tmp_path / "small" / "history.png").is_file()


@pytest.mark.parametrize("kind", STORAGES)
def test_what_a_dead_process_left_is_put_back(kind: str, tmp_path: Path) -> None:
    search = search_of(tmp_path)
    study, _ = open_study(search, tmp_path, storage_of(kind, tmp_path))
    distributions = {name: parameter.distribution() for name, parameter in search.file.parameters.items()}
    import socket

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for process in (dead.pid, os.getpid()):
        study.ask(distributions).set_user_attr(PROCESS, f"{socket.gethostname()}:{process}")
    take_up_dead(study)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    assert study.trials[2].params == study.trials[0].params
    assert study.ask(distributions).number == 2


def test_half_a_last_line_of_a_journal_is_dropped(tmp_path: Path) -> None:
    search, journal = search_of(tmp_path), str(tmp_path / "journal.log")
    study, _ = open_study(search, tmp_path, journal)
    study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    whole = Path(journal).read_bytes()
    Path(journal).write_bytes(whole + b'{"op_code": 4, "worker')
    study, _ = open_study(search, tmp_path, journal)
    assert len(study.trials) == 1
    study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    assert len(open_study(search, tmp_path, journal)[0].trials) == 2
    assert Path(journal).read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "content", [{"metric": "val/regret"}, {"seeds": [1, 2]}, {"options": {"model.x": 1}}, {"direction": "minimize"}]
)
def test_a_search_that_has_changed_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    open_study(search_of(tmp_path), tmp_path)
    with pytest.raises(InputError, match="was started with"):
        open_study(search_of(tmp_path, **content), tmp_path)
    open_study(search_of(tmp_path, trials=50), tmp_path)


def test_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"storage nosuchbase://\.\.\. cannot be opened") as error:
        open_study(search_of(tmp_path), tmp_path, "nosuchbase://user:secret@host/name")
    assert "secret" not in str(error.value)


def test_a_wrong_command_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([str(tmp_path / "no.yaml")], [], [str(tmp_path / "no.yaml"), "--workers", "-1"]):
        assert command.main(arguments) == 2
        one_error(capsys)


@pytest.mark.slow
def test_real_trainings_are_stopped_early(tmp_path: Path, client: Client) -> None:
    """The pruner sees each validation, and a stopped training is not taken for a whole one."""
    pairs = dict(zip(*[iter(tiny_bandit(tmp_path, epochs=3))] * 2, strict=True))
    options = {
        name.removeprefix("--"): value for name, value in pairs.items() if name not in ("--config", "--run.root")
    }
    search = search_of(
        tmp_path,
        options={**options, "trainer.callbacks": "[]"},
        parameters={"model.loss.discount": {"low": 0.0, "high": 0.9}},
        trials=2,
        pruner="none",
    )
    study, address = open_study(search, tmp_path)
    study.pruner = optuna.pruners.ThresholdPruner(lower=1e9)
    SearchLoop(search, study, address, tmp_path, client).run()
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED] * 2
    assert [list(trial.intermediate_values) for trial in study.trials] == [[0], [0]]
    records = list((tmp_path / "small" / "barcode_bandit").glob("*.json"))
    assert len(records) == 2
    assert all('"finished": null' in record.read_text() for record in records)


def test_a_value_is_that_of_the_best_checkpoint(tmp_path: Path) -> None:
    import torch

    from launcher.runs.run_folder import RunFolder

    run = RunFolder(tmp_path, "a", "b")
    run.checkpoints.mkdir(parents=True)
    (run.path / "metrics.csv").write_text("step,val/reward\n1,0.5\n2,\n3,0.25\n4,9.0\n")
    torch.save({"state_dict": {}, "callbacks": {"LastCheckpoint": {"logged": {"rows": 3, "step": 3}}}}, run.best)
    assert best_value(run, "val/reward") == 0.25
    with pytest.raises(InputError, match="must be one of val/reward"):
        best_value(run, "val/regret")


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """The address of a database of one's own, where PostgreSQL and a driver are installed."""
    pytest.importorskip("psycopg2")
    if shutil.which("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder, port = tmp_path / "database", free_port()
    folder.mkdir()
    if user:
        for part in (folder, *tmp_path.parents[:3], tmp_path):
            part.chmod(0o755)
        shutil.chown(folder, "postgres")
    subprocess.run([*user, "initdb", "-D", folder, "-A", "trust", "-U", "me"], check=True, capture_output=True)
    server = [*user, "pg_ctl", "-D", str(folder), "-w", "-l", str(folder / "log")]
    subprocess.run([*server, "-o", f"-p {port} -h 127.0.0.1 -k {folder}", "start"], check=True, capture_output=True)
    try:
        yield f"postgresql+psycopg2://me@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*server, "-m", "immediate", "stop"], check=True, capture_output=True)


@pytest.mark.usefixtures("fake_trials")
def test_two_processes_share_a_database(postgres: str, client: Client, tmp_path: Path) -> None:
    from threading import Thread

    search = search_of(tmp_path, trials=10)
    studies = [open_study(search, tmp_path, postgres)[0] for _ in range(2)]
    threads = [Thread(target=SearchLoop(search, study, postgres, tmp_path, client).run) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        sum(trial.state == TrialState.COMPLETE or trial.state == TrialState.PRUNED for trial in studies[0].trials) == 10
    )


def test_the_benchmark_has_the_settings_that_its_search_has_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    trials = pd.read_csv(PROJECT / "results" / "benchmark_search.csv").set_index("search")
    searches = {search.name: search for search in read_searches(Path("experiments/searches/benchmark.yaml"))}
    for name in trials.index.unique().intersection(list(searches)):
        decisive = trials.loc[f"{name}, in full" if f"{name}, in full" in trials.index else name]
        best = decisive.sort_values("val/reward", ascending=False, kind="stable").iloc[0]
        for option, value in searches[name].file.first.items():
            assert value == pytest.approx(best[option], rel=0.05), (name, option)
