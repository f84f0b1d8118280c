"""Jobs of a grid: what they are identified by, and how they build on each other."""

from pathlib import Path
from typing import Any

import pytest

from episodic.errors import InputError
from experiments.engine.job import identity_of
from experiments.planning.options import check_options, resolved
from experiments.planning.plan import grid_cells
from tests.experiments.fakes import NOISE, cells_of, chain_of, grid_of, jobs_of


def test_references_become_files_of_the_jobs_that_make_them(tmp_path: Path) -> None:
    cells = cells_of(chain_of(tmp_path), tmp_path)
    agent, harvest, encoder, keys, test = jobs_of(cells["encoded, noise 20 % / test"].test).values()
    assert f"--data.harvest={harvest.product}" in encoder.arguments
    assert f"--model.agent={agent.product}" in keys.arguments
    assert f"--model.keys={encoder.product}" in keys.arguments
    assert harvest.arguments[:3] == ("predict", "--ckpt_path", str(agent.product))
    assert test.needs == (keys,)
    assert cells["cue, noise 20 % / test"].training.key == agent.key  # the stage itself is tested


def test_a_stage_is_run_for_the_levels_of_its_axes(tmp_path: Path) -> None:
    cells = cells_of(chain_of(tmp_path), tmp_path)
    encoders = [jobs_of(cells[f"encoded, noise {noise} % / test"].test) for noise in (0, 20)]
    assert not set(encoders[0]) & set(encoders[1])
    assert "--data.noise=0.2" in cells["cue, noise 20 % / test"].training.arguments
    encoder = encoders[1]["train encoder (for encoded, noise 20 %) / seed 1"]
    assert not any("data.noise" in part for part in encoder.arguments)


def test_a_level_may_change_a_stage(tmp_path: Path) -> None:
    task = {"same": {}, "new": {"stages": {"harvest": {"options": {"data.vocabulary": 1}}}}}
    axes = {"keys": {"encoded": {"options": {"model.keys": "@encoder"}}}, "task": task}
    stages = {"agent": {}, "harvest": {"of": "agent"}, "encoder": {"options": {"data.harvest": "@harvest"}}}
    cells = cells_of(chain_of(tmp_path, axes=axes, stages=stages), tmp_path)
    same, new = (list(jobs_of(cells[f"encoded, {name} / test"].test).values()) for name in task)
    assert same[0].key == new[0].key
    assert same[1].key != new[1].key
    assert "--data.vocabulary=1" in new[1].arguments


def test_an_exception_replaces_what_the_levels_say(tmp_path: Path) -> None:
    where = {"keys": "label", "noise": 0.2}
    grid = grid_of(tmp_path, exceptions=[{"where": where, "use": {"options": {"model.special": 1}}}])
    job = cells_of(grid, tmp_path)["label, noise 20 % / test"].training
    assert "--model.special=1" in job.arguments
    assert not any("model.keys" in part or "data.noise" in part for part in job.arguments)


def test_additions_come_on_top_of_the_levels(tmp_path: Path) -> None:
    additions = [
        {"where": {"noise": 0.2}, "options": {"model.rate": 1, "data.noise": 0.3}, "test": {"data.luck": 2}},
        {"where": {"keys": "label", "noise": 0.2}, "options": {"model.rate": 3}},
    ]
    cells = cells_of(grid_of(tmp_path, additions=additions), tmp_path)
    cue, label, quiet = (cells[f"{name} / test"] for name in ("cue, noise 20 %", "label, noise 20 %", "cue, noise 0 %"))
    assert {"--data.noise=0.3", "--model.rate=1"} <= set(cue.training.arguments)
    assert {"--data.noise=0.3", "--model.rate=3", "--model.keys=label"} <= set(label.training.arguments)
    assert "--data.luck=2" in cue.test.arguments
    assert not any("rate" in part for part in quiet.training.arguments)


def test_an_addition_may_change_the_config(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("model: {class_path: somewhere.Else}")
    grid = grid_of(tmp_path, additions=[{"where": {"keys": "label"}, "config": str(other)}])
    cells = cells_of(grid, tmp_path)
    assert str(other) in cells["label, noise 0 % / test"].training.arguments
    assert str(other) not in cells["cue, noise 0 % / test"].training.arguments


def test_conditions_may_have_fewer_seeds(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, additions=[{"where": {"keys": "label"}, "seeds": [2]}])
    seeds = [(cell.condition.levels["keys"], cell.seed) for cell in grid_cells(grid, tmp_path)]
    assert seeds == [("cue", 1), ("cue", 1), ("cue", 2), ("cue", 2), ("label", 2), ("label", 2)]


def test_an_addition_to_a_stage_that_is_tested_is_refused(tmp_path: Path) -> None:
    grid = chain_of(tmp_path, additions=[{"where": {"keys": "cue"}, "options": {"model.rate": 1}}])
    with pytest.raises(InputError, match="tests the stage 'agent'"):
        grid_cells(grid, tmp_path)


def test_options_of_the_test_share_the_training(tmp_path: Path) -> None:
    axes = {"threshold": {"option": "model.threshold", "values": [0.5, 0.9], "tested": True}}
    tests = [cell.test for cell in grid_cells(grid_of(tmp_path, axes=axes, seeds=[1]), tmp_path)]
    assert tests[0].needs[0].key == tests[1].needs[0].key
    assert tests[0].identity != tests[1].identity


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"model.a": 1, "data.b": 2}, {"data.b": 2, "model.a": 1}, True),
        ({"model.a": 0}, {"model.a": 0.0}, True),
        ({"model.a": "1e-3"}, {"model.a": 0.001}, True),
        ({"model.a": 1}, {"model.a": 2}, False),
        ({"model.a": True}, {"model.a": 1}, False),
        ({}, {"data.batch": 8}, True),  # which is what the config says
        ({"model.memory": "Stack", "model.memory.k": 2}, {"model.memory.k": 2, "model.memory": "Stack"}, False),
        ({"model.memory.k": 1, "model.memory": "Stack"}, {"model.memory.k": 2, "model.memory": "Stack"}, False),
        ({"trainer.callbacks+": "A"}, {"trainer.callbacks+": "B"}, False),
    ],
)
def test_runs_of_equal_content_are_the_same(one: dict[str, Any], other: dict[str, Any], equal: bool) -> None:
    config = {
        "model": {"class_path": "Agent", "init_args": {"memory": {"class_path": "Append", "init_args": {"k": 1}}}},
        "data": {"class_path": "Blocks", "init_args": {"batch": 8}},
    }
    identities = [identity_of(resolved(config, options.items())) for options in (one, other)]
    assert (identities[0] == identities[1]) is equal


def test_equal_runs_of_two_grids_have_one_folder(tmp_path: Path) -> None:
    one = grid_cells(grid_of(tmp_path, "one"), tmp_path)
    axes = {"what": {"x": {"options": {"data.noise": 0.2}}}}
    other = grid_cells(grid_of(tmp_path, "other", axes=axes, seeds=[2]), tmp_path)
    assert other[0].test.run in [cell.test.run for cell in one]


def test_a_changed_config_is_another_run(tmp_path: Path) -> None:
    before = grid_cells(grid_of(tmp_path), tmp_path)[0].test
    (tmp_path / "fake.yaml").write_text("model: {class_path: somewhere.Else, init_args: {x: 1}}\ndata: {}\n")
    content = {"axes": {"keys": {"cue": {}}, "noise": NOISE}, "metrics": ["test/reward"], "seeds": [1]}
    from experiments.planning.grid_reader import parse_grid

    after = grid_cells(parse_grid({**content, "config": str(tmp_path / "fake.yaml")}, "small"), tmp_path)[0].test
    assert before.key != after.key


def test_a_stage_with_a_seed_is_run_once(tmp_path: Path) -> None:
    stages = {"agent": {"seed": 7}}
    axes = {"keys": {"encoded": {"options": {"model.agent": "@agent"}}}}
    cells = grid_cells(chain_of(tmp_path, axes=axes, stages=stages), tmp_path)
    assert len({need.key for cell in cells for need in cell.training.needs}) == 1


def test_an_option_may_list_the_files_of_stages(tmp_path: Path) -> None:
    axes = {"keys": {"encoded": {"options": {"model.teachers": "[@first, @second]"}}}}
    first, second = ({"options": {"model.rate": rate}} for rate in (1, 2))
    keys = {}
    for name, stages in {"": {"first": first, "second": second}, "other": {"first": first, "second": first}}.items():
        (cell,) = grid_cells(chain_of(tmp_path, axes=axes, stages=stages, seeds=[1]), tmp_path)
        paths = ", ".join(str(need.product) for need in (cell.training.needs * 2)[:2])
        assert f"--model.teachers=[{paths}]" in cell.training.arguments
        keys[name] = cell.training.key
    assert len(set(keys.values())) == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"options": {"model.agent": "@nobody"}}, "@ must name a stage, of agent, harvest, encoder"),
        ({"options": {"model.agent": "[@nobody, @agent]"}}, "model.agent is '@nobody': @ must name a stage"),
        ({"stages": {"a": {"options": {"model.x": "@b"}}, "b": {"options": {"model.x": "@a"}}},
          "axes": {"keys": {"c": {"stage": "a"}}}}, "stages: a -> b -> a"),
        ({"stages": {"agent": {}}, "axes": {"keys": {"cue": {"stage": "agent"}}, "noise": NOISE}}, "has no effect on"),
    ],
)  # fmt: skip
def test_a_wrong_chain_is_one_line(content: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        grid_cells(chain_of(tmp_path, **content), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "run", "run.root", "run.name", "run.version", "trainer", "trainer.logger", "trainer.logger.save_dir",
        "trainer+", "trainer.default_root_dir", "trainer.profiler.dirpath", "trainer.enable_checkpointing",
        "checkpoint", "checkpoint.dirpath", "config", "ckpt_path", "seed_everything", "print_config", "model.x y",
        "--model.x", "",
    ],
)  # fmt: skip
def test_options_that_move_a_run_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="options: "):
        check_options({name: 1}, "options")


@pytest.mark.parametrize(
    "name", ["model", "model.memory.threshold", "data.task.bits", "trainer.max_epochs", "trainer.callbacks+",
             "trainer.logger_interval", "checkpoint.monitor", "run.threads"],
)  # fmt: skip
def test_other_options_are_free(name: str) -> None:
    check_options({name: 1}, "options")


def test_a_run_with_a_shipped_encoder_is_another_one_when_the_encoder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"model.drawings": "omniglot_encoder"}
    axes = {"drawings": {"none": {}, "in training": {"options": named}, "in the test": {"test": named}}}
    before, same = ([*grid_cells(grid_of(tmp_path, axes=axes, seeds=[1]), tmp_path)] for _ in range(2))
    assert [cell.test.identity for cell in before] == [cell.test.identity for cell in same]
    monkeypatch.setattr("experiments.planning.shipped_encoders._digest", lambda path: "other")
    after = grid_cells(grid_of(tmp_path, axes=axes, seeds=[1]), tmp_path)
    changes = [
        (new.training.key != old.training.key, new.test.key != old.test.key)
        for new, old in zip(after, before, strict=True)
    ]
    assert changes == [(False, False), (True, True), (False, True)]
