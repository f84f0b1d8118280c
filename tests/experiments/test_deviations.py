"""What the reproduction page says of our configs is what they say."""

import inspect
from typing import Any

import pytest
import yaml

from datamodules.blocks import BlockDataModule
from episodic.agents import Keys, Perception
from episodic.networks import EpisodicLSTM
from episodic.objectives import ActorCritic
from experiments.deviations import DEVIATIONS
from experiments.grid import read_grid
from experiments.paper import AGENTS, EXPERIMENTS, NEAREST, Experiment
from lightning_modules.episodic_agent import EpisodicAgent
from tests.tiny import PROJECT

TEXT = " ".join(DEVIATIONS.split())


def defaults(kind: type) -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(kind.__init__).parameters.items()}  # type: ignore[misc]


@pytest.fixture(params=EXPERIMENTS, ids=lambda experiment: experiment.grid)
def experiment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(PROJECT)
    found: Experiment = request.param
    return found


def config_of(experiment: Experiment, agent: str) -> dict[str, Any]:
    """What an agent's config says."""
    condition = read_grid(PROJECT / "experiments" / f"{experiment.grid}.yaml").conditions[agent]
    said: dict[str, Any] = yaml.safe_load(condition.config.read_text())
    return said


def settings(experiment: Experiment, agent: str) -> dict[str, Any]:
    """The arguments of an agent, its defaults included."""
    own = {**defaults(EpisodicAgent), **config_of(experiment, agent)["model"]["init_args"]}
    for name, part in {"loss": ActorCritic, "keys": Keys, "perception": Perception, "core": EpisodicLSTM}.items():
        given = own[name] if isinstance(own[name], dict) else {}
        own[name] = {**defaults(part), **given}
    return own


def test_the_grids_have_what_the_page_shows(experiment: Experiment) -> None:
    grid = read_grid(PROJECT / "experiments" / f"{experiment.grid}.yaml")
    assert {*AGENTS, NEAREST} <= set(grid.tested)
    assert grid.tests == (experiment.evaluation,)
    assert grid.curves == ("train/reward", "val/reward")
    assert grid.regret_by_pull
    assert grid.conditions[NEAREST].trained_as == "epL2RL"
    assert "--model.memory.threshold=-1" in grid.conditions[NEAREST].arguments


@pytest.mark.parametrize("agent", AGENTS)
def test_learning_is_as_told(experiment: Experiment, agent: str) -> None:
    own = settings(experiment, agent)
    loss = own["loss"]
    entropy, schedule = loss["entropy_weight"]["init_args"], own["learning_rate_schedule"]["init_args"]
    assert f"Discount {loss['discount']}" in TEXT
    assert f"a trace of {loss['trace']:g}" in TEXT
    assert f"value weight {loss['value_weight']}" in TEXT
    assert f"falls linearly from {entropy['start']} to {entropy['end']:g}" in TEXT
    assert own["optimizer"]["class_path"] == "torch.optim.Adam"
    assert f"falls linearly from {float(own['optimizer']['init_args']['lr'])} to a hundredth of it" in TEXT
    assert (schedule["start"], schedule["end"]) == (1.0, 0.01)
    assert f"clipped at norm {own['gradient_norm']:g}" in TEXT
    assert own["core"]["hidden_size"] == 50
    assert own["greedy_evaluation"] is False
    assert own["perception"]["cue_input"] is (agent == "L2RL+context")
    assert config_of(experiment, agent)["checkpoint"] == {"monitor": "val/reward", "mode": "max"}


def test_memories_are_as_told(experiment: Experiment) -> None:
    own = settings(experiment, "epL2RL")
    memory = own["memory"]["init_args"]
    assert f"{memory['threshold']} for {'barcodes' if experiment.grid == 'barcode_bandit' else 'drawings'}" in TEXT
    if "slack" in memory:
        assert f"no more than {memory['slack']} count" in TEXT
    keys = own["keys"]
    assert keys["capacity"] is None, "a slot for each episode"
    assert (keys["source"], keys["stored"], keys["value"]) == ("context", "last", "final")


@pytest.mark.parametrize("agent", AGENTS)
def test_trainings_are_as_long_as_told(experiment: Experiment, agent: str) -> None:
    grid = read_grid(PROJECT / "experiments" / f"{experiment.grid}.yaml")
    config, data = config_of(experiment, agent), BlockDataModule()
    override = [text for text in grid.conditions[agent].arguments if "max_epochs" in text]
    epochs = int(override[0].partition("=")[2]) if override else config["trainer"]["max_epochs"]
    task = {"class_path": "BarcodeBandit"}
    assert config["data"].get("init_args", {"task": task}) == {"task": task}, "the defaults of data and task"
    block = data.environments * data.task.episodes
    assert f"{epochs * data.blocks_per_epoch * block:,} with{'' if agent == 'epL2RL' else 'out'}" in TEXT
    assert f"{data.environments} environments" in TEXT
    assert f"one block of {block:,} episodes" in TEXT
    environments, blocks = data.block_counts["test"]
    assert f"on {environments * blocks * data.task.episodes:,} episodes" in TEXT
