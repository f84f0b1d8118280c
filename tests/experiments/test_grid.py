"""Grids: conditions as products of axes, and files that are wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from episodic.errors import InputError
from experiments.planning.grid_reader import read_grid
from experiments.planning.plan import grid_cells
from experiments.tables.files import csv_path, read_results
from tests.experiments.fakes import NOISE, grid_of
from tests.tiny import PROJECT

GRIDS = sorted((PROJECT / "experiments" / "grids").glob("*.yaml"))


def names(folder: Path, **content: Any) -> list[str]:
    return [condition.name for condition in grid_of(folder, **content).conditions]


def test_conditions_are_the_product_of_the_axes(tmp_path: Path) -> None:
    assert names(tmp_path) == ["cue, noise 0 %", "cue, noise 20 %", "label, noise 0 %", "label, noise 20 %"]


def test_only_and_skip_leave_some_out(tmp_path: Path) -> None:
    only = [{"keys": "cue"}, {"keys": "label", "noise": [0.2]}]
    assert names(tmp_path, only=only) == ["cue, noise 0 %", "cue, noise 20 %", "label, noise 20 %"]
    assert names(tmp_path, only=only, skip=[{"noise": 0}]) == ["cue, noise 20 %", "label, noise 20 %"]


def test_an_evaluation_may_be_skipped_too(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, evaluations={"a": {}, "b": {}}, skip=[{"keys": "cue", "evaluation": "b"}])
    assert [grid.evaluations_of(condition) for condition in grid.conditions] == [["a"], ["a"], ["a", "b"], ["a", "b"]]


def test_a_baseline_has_the_same_other_levels(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, baseline={"keys": "cue"})
    baselines = [grid.baseline_of(condition) for condition in grid.conditions]
    assert [own.name if own else None for own in baselines] == [None, None, "cue, noise 0 %", "cue, noise 20 %"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"sedes": [1]}, "does not accept option 'sedes'"),
        ({"seeds": ["one"]}, "seeds"),
        ({"seeds": [1, 1]}, "each may occur once"),
        ({"seeds": []}, "must list numbers"),
        ({"axes": {}}, "axes is empty"),
        ({"axes": {"seed": {"a": {}}}}, "named like another column"),
        ({"axes": {"keys": {"a": {"option": {"x": 1}}}}}, "option"),
        ({"axes": {"keys": {"a": {"options": {"model.x": [1]}}}}}, "options"),
        ({"axes": {"keys": {"a\x1b[31m": {}}}}, "printable"),
        ({"axes": {"noise": {"values": [1]}}}, "option and values go together"),
        ({"axes": {"noise": {"option": "data.noise", "values": [1, 1]}}}, "each value may occur once"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml does not exist"),
        ({"only": [{"keys": "cues"}]}, "keys is 'cues': it must be one of cue, label"),
        ({"skip": [{"key": "cue"}]}, "axis is 'key'"),
        ({"skip": [{"keys": ["cue", "label"]}]}, "no condition"),
        ({"additions": [{"where": {"keys": "cues"}}]}, "keys is 'cues': it must be one of cue, label"),
        ({"additions": [{"where": {}, "seeds": [7]}]}, "seeds is [7]: they must be among the grid's, [1, 2]"),
        ({"additions": [{"where": {}, "options": {"run.name": "x"}}]}, "run.name cannot be set here"),
        ({"baseline": {"keys": "none"}}, "keys is 'none'"),
        ({"stages": {"a": {"of": "b"}}}, "of is 'b'"),
        ({"stages": {"a": {"axes": ["b"]}}}, "axis is 'b'"),
        ({"axes": {"keys": {"a": {"stage": "b"}}}}, "stage is 'b'"),
        ({"options": {"run.name": "x"}}, "run.name cannot be set here"),
        ({"axes": {"a": {"x, y": {}, "x": {}}, "b": {"z": {}, "y, z": {}}}}, "two conditions are named 'x, y, z'"),
        ({"report": {"question": "?"}}, "answer"),
        ({"report": {"question": "?", "answer": "!", "plot": {"x": "keys"}}}, "values are numbers"),
        ({"report": {"question": "?", "answer": "!", "plot": {"hue": "size"}}}, "hue is 'size'"),
        ({"report": {"question": "?", "answer": "!", "also": ["test/regret"]}}, "metric is 'test/regret'"),
    ],
)
def test_a_wrong_file_is_one_line(content: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        grid_of(tmp_path, **content)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"a: [", "is not YAML"),
        (b"\xff\xfe", "is not YAML"),
        (b"config: a\nconfig: b\n", "key 'config' occurs twice (again in line 2)"),
        (b"- a\n", "must be a mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(text: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError) as error:
        read_grid(path)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "metric", "known"),
    [
        ("EpisodicAgent", "test/reward_exposure_03", True),
        ("EpisodicAgent", "test/rewards", False),
        ("EpisodicAgent", "test/regret", True),
        ("EpisodicAgent", "test/distance", False),
        ("HiddenStateEncoder", "test/recall_at_1_pull_01", True),
        ("HiddenStateEncoder", "test/reward", False),
        ("OmniglotEncoder", "test/20way_1shot_rotated", True),
        ("of.my.Own", "test/anything", True),
    ],
)
def test_a_metric_that_nothing_logs_is_refused(model: str, metric: str, known: bool, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"model": {"class_path": model}, "data": {"class_path": "BlockDataModule"}}))
    content: dict[str, Any] = {"config": str(config), "metrics": [metric]}
    if known:
        assert grid_of(tmp_path, **content).file.metrics == [metric]
    else:
        with pytest.raises(InputError, match=f"{metric}' is logged by none of config.yaml"):
            grid_of(tmp_path, **content)


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_every_shipped_grid_has_its_results(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    grid = read_grid(path)
    cells = grid_cells(grid, Path("runs"))
    assert len({cell.test.key for cell in cells}) == len(cells)
    if csv_path(Path("results"), grid.name).is_file():
        frame = read_results(grid, Path("results"))
        rows = set(zip(frame["condition"], frame["evaluation"], frame["seed"], strict=True))
        wanted = {(cell.condition.name, cell.evaluation, cell.seed) for cell in cells}
        if grid.name == "benchmark":  # it grows seed by seed, and its page marks each cell that lacks some
            seeds = grid.file.seeds[: frame["seed"].nunique()]
            wanted = {row for row in wanted if row[2] in seeds and row[0] in set(frame["condition"])}
        assert rows == wanted
        levels = {cell.condition.name: cell.condition.levels for cell in cells}
        for name, own in frame.groupby("condition").first().iterrows():
            assert {axis: own[axis] for axis in grid.file.axes} == levels[str(name)]


def test_a_level_may_be_named_like_nothing(tmp_path: Path) -> None:
    assert names(tmp_path, axes={"keys": {"none": None, "null": {}}, "noise": NOISE})[0] == "none, noise 0 %"
