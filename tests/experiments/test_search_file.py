import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from optuna.trial import FixedTrial

from cli import main as command
from episodic.errors import InputError
from experiments.overrides import override_arguments
from experiments.search import main
from experiments.search_file import parse_search, read_search
from experiments.search_parameters import Choices, Range
from experiments.search_trial import best_figure, trial_jobs
from tests.experiments.grids import tiny_overrides
from tests.experiments.searches import said, search
from tests.tiny import PROJECT

SHIPPED = sorted((PROJECT / "experiments" / "searches").glob("*.yaml"))


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(said(**changes), sort_keys=False))
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read_search(written(tmp_path, seeds=3))
    assert (found.name, found.seeds, found.trials) == ("small", (3,), 5)
    assert found.arguments == ("--trainer.max_epochs=2",)
    assert found.parameters == (
        Range("model.loss.discount", 0.0, 1.0),
        Choices("model.memory", ("EpisodicMemory", "StackMemory")),
    )
    assert read_search(written(tmp_path, trials=None), trials=7).trials == 7


def test_what_trials_share_survives_json() -> None:
    definition = search().definition
    assert json.loads(json.dumps(definition)) == definition
    assert "trials" not in definition


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ({"low": 1, "high": 9}, 4),
        ({"low": 1, "high": 9, "step": 4}, 5),
        ({"low": 1, "high": 9, "log": True}, 3),
        ({"low": 1, "high": 9, "type": "float"}, 4.5),
        ({"low": 0, "high": 1, "step": 0.1}, 0.3),
        ({"low": "1e-4", "high": "1e-2", "log": True}, 1e-3),
        ({"choices": [None, 2, "two", 0.5, True]}, "two"),
        ({"choices": [False, None]}, None),
    ],
    ids=str,
)
def test_a_parameter_takes_values_of_its_kind(section: dict[str, Any], value: Any) -> None:
    (parameter,) = search(parameters={"a.b": section}).parameters
    taken = parameter.suggest(FixedTrial({"a.b": value}))  # type: ignore[arg-type]
    assert (taken, type(taken)) == (value, type(value))


RANGE = {"low": 0.0, "high": 1.0}
WRONG = [
    ({"config": None}, "config is None"),
    ({"config": "none.yaml"}, "config none.yaml does not exist"),
    ({"seeds": []}, "seeds is []"),
    ({"seeds": "one"}, "seeds is 'one'"),
    ({"metric": None}, "metric is None"),
    ({"metric": "test/reward"}, "nothing is chosen by the test set"),
    ({"metric": "test_rotated/20way_1shot"}, "nothing is chosen by the test set"),
    ({"metric": "train/reward"}, "it must be a validation figure"),
    ({"direction": None}, "direction is 'None'"),
    ({"direction": "up"}, "it must be one of maximize, minimize"),
    ({"trials": None}, "trials is None"),
    ({"trials": 0}, "trials is 0"),
    ({"trials": True}, "trials is True"),
    ({"pruner": "median"}, "key is 'pruner'"),
    ({"overrides": {"seed_everything": 2}}, "seed_everything is set by the runner"),
    ({"overrides": {"model.warm_start.agent": "@whole"}}, "refers to a condition"),
    ({"overrides": {"model.loss.discount": 0.5}}, "model.loss.discount stands under overrides and under parameters"),
    ({"parameters": None}, "parameters is None"),
    ({"parameters": {}}, "it must name at least one"),
    ({"parameters": {"seed_everything": {"choices": [1, 2]}}}, "seed_everything is set by the runner"),
    ({"parameters": {"two words": RANGE}}, "'two words' is no name of an option"),
    ({"parameters": {"a": 1}}, "parameters, a is 1"),
    ({"parameters": {"a": {**RANGE, "choices": [1, 2]}}}, "key is 'low'"),
    ({"parameters": {"a": {**RANGE, "base": 2}}}, "key is 'base'"),
    ({"parameters": {"a": {"low": 1}}}, "high is missing"),
    ({"parameters": {"a": {"low": "one", "high": 2}}}, "low is 'one'"),
    ({"parameters": {"a": {"low": True, "high": 2}}}, "low is True"),
    ({"parameters": {"a": {"low": 0, "high": float("inf")}}}, "high is inf"),
    ({"parameters": {"a": {"low": 2, "high": 2}}}, "low has to be less"),
    ({"parameters": {"a": {**RANGE, "log": "yes"}}}, "log is 'yes'"),
    ({"parameters": {"a": {**RANGE, "log": True}}}, "with log it must be more than 0"),
    ({"parameters": {"a": {"low": 1, "high": 4, "log": True, "step": 1}}}, "only one of them can be"),
    ({"parameters": {"a": {**RANGE, "step": 0.3}}}, "a whole number of steps"),
    ({"parameters": {"a": {**RANGE, "step": -1}}}, "a whole number of steps"),
    ({"parameters": {"a": {**RANGE, "type": "text"}}}, "type is 'text'"),
    ({"parameters": {"a": {**RANGE, "type": "int"}}}, "not all of [0.0, 1.0] are whole"),
    ({"parameters": {"a": {"choices": [1]}}}, "a list of two values or more"),
    ({"parameters": {"a": {"choices": [1, 1.0]}}}, "each may stand there once"),
    ({"parameters": {"a": {"choices": [[1], 2]}}}, "a is [1]"),
    ({"parameters": {"a": {"choices": ["@whole", "b"]}}}, "refers to a condition"),
]


@pytest.mark.parametrize(("changes", "complaint"), WRONG, ids=[complaint for _, complaint in WRONG])
def test_a_wrong_file_is_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_search({**said(), **changes}, "small")
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("a: größe".encode("latin-1"), "it is no UTF-8: "), (b"a: 2024-13-45", "it is no YAML: month")],
    ids=["Latin-1", "no date"],
)
def test_a_file_that_cannot_be_read_is_one_line(text: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=f"^search .*small.yaml: {complaint}[^\n]+$"):
        read_search(path)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--trials", "0"], "--trials is 0"),
        (["--workers", "-1"], "--workers is -1"),
        (["--root", str(PROJECT / "cli.py")], "it must be a folder"),
        (["--storage", "nosuch://host/name"], "cannot be opened: "),
        (["--storage", "redis://host/name"], "cannot be opened: "),
        (["--storage", str(PROJECT / "cli.py")], "cannot be opened: "),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
    ],
    ids=str,
)
def test_a_wrong_command_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(tmp_path)), "--root", str(tmp_path / "runs"), *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert complaint in told
    assert told.count("\n") == 1
    assert os.listdir(tmp_path) == ["small.yaml"], "a failed command left files"


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["none.yaml"]) == 2
    assert capsys.readouterr().err == "error: search none.yaml does not exist: it must be a YAML file\n"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_search_trains(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    found = read_search(path)
    values = {parameter.name: _some_value(parameter) for parameter in found.parameters}
    job = trial_jobs(found, 0, values, tmp_path)[0]
    assert command([*job.arguments, *override_arguments(tiny_overrides(epochs=1), "overrides")]) == 0
    assert isinstance(best_figure(job.run, found.metric), float)


def _some_value(parameter: Range | Choices) -> Any:
    return parameter.options[0] if isinstance(parameter, Choices) else parameter.high
