from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from episodic.errors import InputError
from experiments.conditions import config_content
from experiments.grid import parse_grid, read_grid
from experiments.jobs import grid_cells
from experiments.overrides import override_arguments
from tests.experiments.grids import CONFIG, grid, said
from tests.tiny import PROJECT

FILE = f"""
config: {CONFIG}
seeds: [1, 2]
overrides: {{trainer.max_epochs: 5}}
conditions:
  plain:
  nearest: {{model.memory.threshold: -1}}
metrics: [test/reward]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_a_file_is_read_in_its_order(tmp_path: Path) -> None:
    found = read_grid(written(tmp_path, FILE))
    assert (found.name, found.seeds, found.baseline) == ("some", (1, 2), None)
    assert found.arguments == ("--trainer.max_epochs=5",)
    assert list(found.conditions) == ["plain", "nearest"]
    assert found.conditions["plain"].arguments == ()
    assert found.evaluations == {"test": ()}


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        (-1, "--a.b=-1"),
        (-1e-5, "--a.b=-1.0e-05"),
        (0.25, "--a.b=0.25"),
        (None, "--a.b=null"),
        (True, "--a.b=true"),
        ("1e-3", "--a.b=1e-3"),
        ("two words", "--a.b=two words"),
        ("", "--a.b="),
    ],
)
def test_values_are_written_as_on_the_command_line(value: Any, argument: str) -> None:
    assert override_arguments({"a.b": value}, "overrides") == (argument,)


def test_a_condition_without_a_training_has_the_others_config(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("seed_everything: 2")
    conditions = {"a": {"config": str(other)}, "b": {"trained_as": "a", "model.loss.discount": 0.1}, "c": {}}
    found = grid(conditions=conditions, baseline=None).conditions
    assert [condition.config for condition in found.values()] == [other, other, Path(CONFIG)]
    assert found["a"].content == found["b"].content != found["c"].content
    assert (found["b"].trained_as, found["b"].arguments) == ("a", ("--model.loss.discount=0.1",))


def test_a_comment_in_a_config_changes_nothing(tmp_path: Path) -> None:
    texts = ("a: {b: 1}", "# why\na:\n  b: 1  # so\n", "a: {b: 2}")
    first, same, other = (config_content(written(tmp_path, text)) for text in texts)
    assert first == same != other


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"condition": {}}, "key is 'condition': it must be one of config, seeds"),
        ({"baseline": "nothing"}, "baseline is 'nothing': it must be one of append, mean keys, stack"),
        ({"conditions": {}}, "conditions is {}: it must name at least one"),
        ({"conditions": None}, "conditions is None"),
        ({"conditions": ["append"]}, r"conditions is \['append'\]"),
        ({"conditions": {"append": 3}}, "conditions, 'append' is 3: it must be a mapping"),
        ({"conditions": {1: {}}}, "conditions: 1 has to be text: put it in quotes"),
        ({"conditions": {"append": {"trained_as": "stak"}}}, "trained_as is 'stak'"),
        (
            {"conditions": {"append": {}, "b": {"trained_as": "append"}, "c": {"trained_as": "b"}}},
            "'c': trained_as is 'b': it must be one of append$",
        ),
        ({"conditions": {"append": {}, "b": {"trained_as": "append", "config": CONFIG}}}, "with trained_as it is"),
        ({"conditions": {"append": {"config": "none.yaml"}}}, "'append': config none.yaml does not exist"),
        ({"config": None}, "config is None: it, or the grid, has to name a config's file"),
        ({"seeds": []}, r"seeds is \[\]"),
        ({"seeds": [True]}, r"seeds is \[True\]"),
        ({"seeds": 3}, "seeds is 3"),
        ({"seeds": [1, 1]}, "each may stand there once"),
        ({"evaluations": {}}, "evaluations is {}"),
        (
            {"evaluations": {"a": {"data.task.noise": [1]}}},
            r"'a': data.task.noise is \[1\]: it must be text",
        ),
        ({"overrides": [1]}, r"overrides is \[1\]"),
        ({"overrides": {"run.name": "x"}}, "run.name is set by the runner"),
        ({"overrides": {"--model.x": 1}}, "'--model.x' is no name of an option"),
        ({"overrides": {"model.x=1": 1}}, "'model.x=1' is no name of an option"),
        ({"metrics": []}, r"metrics is \[\]"),
        ({"metrics": "test/reward"}, "metrics is 'test/reward'"),
    ],
    ids=str,
)
def test_a_mistake_is_named_in_one_line(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        parse_grid(said(**changes), "small")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{FILE}# größer".encode("latin-1"), "grid .*some.yaml: it is no UTF-8: "),
        (FILE.replace("model.memory.threshold: -1", "data.x: 2024-13-45").encode(), "it is no YAML: month must be in"),
    ],
    ids=["Latin-1", "no date"],
)
def test_bytes_and_dates_that_there_are_not_are_one_line(text: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=complaint) as raised:
        read_grid(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["a: größe".encode("latin-1"), b"a: 2024-13-45", b"a: ["])
def test_a_config_that_cannot_be_read_is_one_line(text: bytes, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_bytes(text)
    with pytest.raises(InputError, match=r"^config .*config.yaml is no YAML: [^\n]+$"):
        parse_grid(said(config=str(config)), "small")


def test_names_that_yaml_takes_for_numbers_are_text(tmp_path: Path) -> None:
    conditions = "conditions: {'1': {}, '3': {}, b: {trained_as: 1}}"
    text = f"config: {CONFIG}\nseeds: [1]\nbaseline: 3\nmetrics: [test/reward]\n{conditions}"
    found = read_grid(written(tmp_path, text))
    assert found.baseline == "3"
    assert found.baseline_of("1") == "3"
    assert found.conditions["b"].trained_as == "1"
    first, _, other = grid_cells(found, tmp_path)
    assert first.test.training == other.test.training


def test_a_condition_may_have_evaluations_of_its_own() -> None:
    conditions = {
        "a": {},
        "b": {"evaluations": {"20 %": {"data.task.best": 0.7}, "more": {}}, "model.loss.discount": 0.1},
        "c": {"evaluations": {}},
        "d": {"evaluations": None, "predicts": None},
        "e": {"trained_as": "d", "predicts": {"data.task.best": 0.6}, "evaluations": {}},
    }
    found = grid(conditions=conditions, baseline="b")
    assert {name: list(condition.evaluations) for name, condition in found.conditions.items()} == {
        "a": ["0 %", "20 %"],
        "b": ["20 %", "more"],
        "c": [],
        "d": [],
        "e": [],
    }
    assert found.conditions["b"].evaluations["20 %"] == ("--data.task.best=0.7",)
    assert found.conditions["b"].arguments == ("--model.loss.discount=0.1",)
    assert [condition.predicts for condition in found.conditions.values()] == [
        None,
        None,
        None,
        (),
        ("--data.task.best=0.6",),
    ]
    assert found.tested == ("a", "b")
    assert found.tests == ("0 %", "20 %", "more")
    assert replace(found, conditions={"b": found.conditions["b"]}).tests == ("20 %", "more")


def test_a_condition_may_have_a_seed_of_its_own() -> None:
    conditions = {"a": {"seed": 4, "evaluations": {}}, "b": {"trained_as": "a", "evaluations": {}}, "c": {}}
    found = grid(conditions=conditions, baseline=None).conditions
    assert [condition.seed for condition in found.values()] == [4, 4, None]


ALONE: dict[str, Any] = {"seed": 4, "evaluations": {}}


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ({"evaluations": ["a"]}, r"'x', evaluations is \['a'\]: it must name at least one"),
        ({"evaluations": {1: {}}}, "'x', evaluations: 1 has to be text"),
        ({"evaluations": {"a": 3}}, "'x', evaluations, 'a' is 3: it must be a mapping"),
        ({"predicts": 3}, "'x', predicts is 3: it must be a mapping"),
        ({"predicts": {"run.name": "y"}}, "'x', predicts: run.name is set by the runner"),
        ({"seed": 4}, "'x': seed is 4, but an interval wants several"),
        ({**ALONE, "seed": -1}, "'x': seed is -1: it must be a whole number, 0 or more"),
        ({**ALONE, "seed": True}, "'x': seed is True: it must be a whole number"),
        ({**ALONE, "trained_as": "append"}, "'x': seed is 4: with trained_as it is that condition's"),
    ],
    ids=str,
)
def test_a_wrong_condition_is_named(condition: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=f"^conditions, {complaint}"):
        grid(conditions={"append": {}, "x": condition})


def test_only_what_is_tested_can_be_compared() -> None:
    conditions: dict[str, Any] = {"append": {"evaluations": {}}, "b": {}}
    with pytest.raises(InputError, match=r"^baseline is 'append': it must be one of b$"):
        grid(conditions=conditions)
    with pytest.raises(InputError, match=r"^conditions: none has evaluations"):
        grid(conditions={"a": {"evaluations": {}}}, baseline=None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it holds None"),
        ("a: [", "it is no YAML"),
        (FILE + "seeds: [3]\n", r"key 'seeds' stands twice \(again in line 9\)"),
        (FILE.replace("nearest:", "plain:"), "key 'plain' stands twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^grid .*some.yaml: {complaint}") as raised:
        read_grid(written(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_parts_may_be_shared_by_anchors(tmp_path: Path) -> None:
    text = FILE.replace("plain:", "plain: &base {model.loss.discount: 0.5}")
    text = text.replace("{model.memory", "{<<: *base, model.memory")
    found = read_grid(written(tmp_path, text))
    assert found.conditions["nearest"].arguments == ("--model.loss.discount=0.5", "--model.memory.threshold=-1")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_grid(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted((PROJECT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_grid_is_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    grid = read_grid(path)
    assert grid_cells(grid, Path("runs"))
    if path.stem != "pipeline":  # which shows what comes of each stage, and compares by eye
        assert len(grid.seeds) >= 3, "an interval wants seeds"
        assert grid.baseline in grid.tested or any(grid.baseline_of(name) for name in grid.tested)
