"""The harvest that `predict` of an agent writes: states, labels and provenance."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from callbacks.harvest_writer import HarvestWriter, as_episodes
from callbacks.npz import write_npz
from cli import main
from datamodules.blocks import BlockDataModule
from datamodules.harvest_files import Harvest, read_harvest
from episodic.agents.keys import Keys
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from lightning_modules.episodic_agent import EpisodicAgent
from tests.episodic.memory.memory_oracle import DEVICES
from tests.tiny import tiny_bandit

NUMBERS: dict[str, Any] = {"arms": 2, "contexts": 3, "exposures": 2, "pulls": 4, "bits": 5}
SMALL: dict[str, Any] = {"environments": 2, "val_environments": 2, "test_environments": 2, "predict_environments": 3}


def small_data(predict_blocks: int = 2, **changes: Any) -> BlockDataModule:
    return BlockDataModule(BarcodeBandit(**{**NUMBERS, **changes}), predict_blocks=predict_blocks, **SMALL)


def small_agent(data: BlockDataModule, memory: bool, state: str = "cell") -> EpisodicAgent:
    """An agent that searches by the states of a harvest; recalled values change its states visibly."""
    torch.manual_seed(0)
    agent = EpisodicAgent(
        core=partial(EpisodicLSTM, hidden_size=6, reinstatement_bias=2.0),
        memory=EpisodicMemory if memory else None,
        keys=Keys("hidden", state=state, stored="first") if memory else None,
        perception=Perception(cue_input=True),
        sizes=data.sizes,
    )
    with torch.no_grad():
        agent.agent.core.weight.mul_(4)  # type: ignore[operator]
    agent.task, agent.tasks = data.task, {"predict": data.task}
    return agent


class Played(NamedTuple):
    """A block's episodes."""

    cells: Tensor  # [E, T + 1, B, H]
    hidden: Tensor  # [E, T, B, H]
    actions: Tensor  # [E, T, B]
    rewards: Tensor  # [E, T, B]
    queries: Tensor | None  # [E, T, B, K]


def played(agent: EpisodicAgent, spec: BlockSpec) -> Played:
    with torch.no_grad():
        episodes = list(rollout(agent.task, agent.agent, spec))
    cells, hidden, actions, rewards = (
        torch.stack([getattr(episode, name) for episode in episodes]) for name in Played._fields[:4]
    )
    queries = [episode.reads.queries for episode in episodes if episode.reads is not None]
    return Played(cells, hidden, actions, rewards, torch.stack(queries) if queries else None)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("state", ["cell", "hidden"])
def test_the_states_are_those_that_the_memory_is_searched_by(state: str, device: str) -> None:
    data = small_data()
    agent, spec = small_agent(data, True, state).to(device), next(data.evaluation_blocks("predict"))
    spec = spec.to(device)
    trajectory = played(agent, spec)
    assert trajectory.queries is not None
    with torch.no_grad():
        harvest = agent.predict_step(spec, 0)
    expected = trajectory.queries.permute(2, 0, 1, 3)  # [E, T, B, H] -> [B, E, T, H]
    assert torch.equal(harvest[state], expected.half())
    after = trajectory.cells[:, 1:] if state == "cell" else trajectory.hidden
    assert not torch.allclose(after.permute(2, 0, 1, 3), expected, atol=0.1), "nothing was reinstated"


@pytest.mark.parametrize("memory", [False, True])
def test_without_a_recall_they_are_the_states_themselves(memory: bool) -> None:
    data = small_data()
    agent, spec = small_agent(data, memory), next(data.evaluation_blocks("predict"))
    trajectory = played(agent, spec)
    with torch.no_grad():
        harvest = agent.predict_step(spec, 0)
    first = slice(0, 1) if memory else slice(None)  # nothing is in the memory in the first episode
    states = {"cell": trajectory.cells[:, 1:], "hidden": trajectory.hidden}
    for name, expected in states.items():
        found = harvest[name].permute(1, 2, 0, 3)
        assert torch.allclose(found[first].float(), expected[first], atol=2e-3)
    # At the first pull the LSTM knows of nothing but the cue.
    codes, rows = spec.cues.transpose(0, 1).flatten(0, 1).unique(dim=0, return_inverse=True)
    states_at_first = harvest["cell"][:, :, 0].flatten(0, 1)
    for code in range(len(codes)):
        assert len(states_at_first[rows == code].unique(dim=0)) == 1


def test_episodes_follow_one_another_by_environment() -> None:
    block = {"label": torch.arange(6).view(2, 3), "cell": torch.arange(24.0).view(2, 3, 4, 1)}
    flat = as_episodes(block, index=5)
    assert flat["label"].tolist() == [0, 1, 2, 3, 4, 5]
    assert flat["cell"].flatten().tolist() == list(range(24))
    assert flat["block"].tolist() == [10, 10, 10, 11, 11, 11]
    assert flat["episode"].tolist() == [0, 1, 2, 0, 1, 2]


class Process:
    """As much of a trainer as the writer looks at."""

    def __init__(self, folder: Path, rank: int = 0, world: int = 1) -> None:
        self.default_root_dir, self.global_rank, self.world_size = str(folder), rank, world
        self.is_global_zero, self.fast_dev_run = rank == 0, False


def written(folder: Path, data: BlockDataModule, rank: int = 0, world: int = 1) -> Harvest:
    """The harvest of one process, which plays every `world`-th block."""
    agent, trainer, writer = small_agent(data, True), Process(folder, rank, world), HarvestWriter("hash", "model: {}\n")
    blocks = list(data.evaluation_blocks("predict"))[rank::world]
    writer.on_predict_start(trainer, agent)  # type: ignore[arg-type]
    for index, spec in enumerate(blocks):
        with torch.no_grad():
            prediction = agent.predict_step(spec, index)
        writer.write_on_batch_end(trainer, agent, prediction, None, spec, index, 0)  # type: ignore[arg-type]
    writer.on_predict_end(trainer, agent)  # type: ignore[arg-type]
    name = "harvest.npz" if world == 1 else f"harvest_rank_{rank}.npz"
    return read_harvest(str(folder / name))


def test_a_harvest_says_what_happened_in_each_episode(tmp_path: Path) -> None:
    data = small_data(vocabulary=7)
    harvest, specs = written(tmp_path, data), list(data.evaluation_blocks("predict"))
    episodes, environments = data.task.episodes, 3
    assert harvest.cell.shape == harvest.hidden.shape == (2 * environments * episodes, 4, 6)
    agent = small_agent(data, True)
    for index, spec in enumerate(specs):
        trajectory = played(agent, spec)
        for environment in range(environments):
            block = index * environments + environment
            rows = (harvest.block == block).nonzero().squeeze(1)
            assert harvest.episode[rows].tolist() == list(range(episodes))
            assert torch.equal(harvest.label[rows], spec.labels[:, environment])
            assert torch.equal(harvest.exposure[rows], spec.exposures[:, environment])
            assert torch.equal(harvest.cue[rows].float(), spec.cues[:, environment])
            assert torch.equal(harvest.action[rows].long(), trajectory.actions[:, :, environment])
            assert torch.equal(harvest.reward[rows].float(), trajectory.rewards[:, :, environment])
            assert trajectory.queries is not None
            queries = trajectory.queries[:, :, environment].half()  # rounded to it from numbers that agree to 1e-6
            torch.testing.assert_close(harvest.cell[rows], queries, atol=1e-3, rtol=1e-3)
    wanted = {"hidden_size": 6, "pulls": 4, "arms": 2, "label_count": 7, "fixed_labels": True, "format": "harvest-1"}
    assert harvest.provenance == {**wanted, "checkpoint": "hash", "config": "model: {}\n"}
    stored = np.load(tmp_path / "harvest.npz")
    kinds = {name: str(stored[name].dtype) for name in ("cell", "label", "exposure", "block", "episode", "reward")}
    assert list(kinds.values()) == ["float16", "int32", "int16", "int32", "int16", "uint8"]
    assert [path.name for path in tmp_path.iterdir()] == ["harvest.npz"]


def test_processes_share_no_block(tmp_path: Path) -> None:
    data = small_data(predict_blocks=5)
    whole = written(tmp_path, data)
    parts = [written(tmp_path, data, rank, 2) for rank in range(2)]
    assert sorted(torch.cat([part.block for part in parts]).tolist()) == whole.block.tolist()
    for part in parts:
        rows = torch.isin(whole.block, part.block)
        assert torch.equal(part.cell, whole.cell[rows])
        assert torch.equal(part.block, whole.block[rows])


def test_rewards_that_are_no_bits_and_large_numbers_keep_their_value(tmp_path: Path) -> None:
    writer = HarvestWriter("hash", "")
    data = small_data()
    agent = small_agent(data, False)
    spec = next(data.evaluation_blocks("predict"))
    with torch.no_grad():
        prediction = agent.predict_step(spec, 0)
    prediction["reward"] = prediction["reward"] / 2
    prediction["action"] = prediction["action"] + 300
    trainer = Process(tmp_path)
    writer.write_on_batch_end(trainer, agent, prediction, None, spec, 0, 0)  # type: ignore[arg-type]
    writer.on_predict_end(trainer, agent)  # type: ignore[arg-type]
    harvest = read_harvest(str(tmp_path / "harvest.npz"))
    assert torch.equal(harvest.reward, prediction["reward"].flatten(0, 1))
    assert torch.equal(harvest.action.long(), prediction["action"].flatten(0, 1))


@pytest.mark.parametrize("compressed", [False, True])
def test_pieces_are_joined_in_the_file(compressed: bool, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pieces = [generator.normal(size=(n, 2, 3)).astype(np.float16) for n in (3, 0, 5)]
    transposed = generator.integers(9, size=(4, 6)).T
    arrays = {
        "pieces": pieces,
        "transposed": [transposed],
        "text": [np.array("some \u00fcnicode")],
        "flags": [np.ones(3, bool)],
    }
    write_npz(tmp_path / "file.npz", arrays, compressed=compressed)
    with np.load(tmp_path / "file.npz", allow_pickle=False) as found:
        assert np.array_equal(found["pieces"], np.concatenate(pieces))
        assert found["pieces"].dtype == np.float16
        assert np.array_equal(found["transposed"], transposed)
        assert str(found["text"]) == "some \u00fcnicode"
        assert found["text"].shape == ()
        assert found["flags"].dtype == bool
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    write_npz(path, {"a": [np.arange(3)]}, compressed=False)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_npz(path, {"a": [np.arange(3)], "b": [np.arange(2), 7]}, compressed=False)  # type: ignore[list-item]
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_predict_writes_a_harvest_with_its_provenance(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "barcode_bandit_harvest", epochs=1)]) == 0
    run = tmp_path / "barcode_bandit_harvest" / "version_0"
    best = run / "checkpoints" / "best.ckpt"
    assert main(["predict", "--ckpt_path", str(best)]) == 0
    harvest = read_harvest(str(run / "harvest.npz"))
    assert harvest.cell.shape == (2 * 4 * 6, 4, 50)
    provenance = harvest.provenance
    assert provenance["checkpoint"] == hashlib.sha256(best.read_bytes()).hexdigest()
    assert (provenance["label_count"], provenance["fixed_labels"], provenance["pulls"]) == (50, True, 4)
    assert str(tmp_path) not in provenance["config"]
    config = yaml.safe_load(provenance["config"])
    assert config["model"]["init_args"]["perception"]["init_args"]["cue_input"] is True
    assert config["data"]["init_args"]["task"]["init_args"]["vocabulary"] == 50
    assert not (run / "predictions.npz").exists()
    more = ["--data.predict_blocks", "1", "--data.predict_environments", "2"]
    assert main(["predict", "--ckpt_path", str(best), *more]) == 0
    assert len(read_harvest(str(run / "harvest.npz")).label) == 2 * 6
    assert json.loads(str(np.load(run / "harvest.npz")["provenance"])) == {**provenance, "config": changed(run)}


def changed(run: Path) -> str:
    """The configuration that the newest harvest tells of."""
    text: str = read_harvest(str(run / "harvest.npz")).provenance["config"]
    assert yaml.safe_load(text)["data"]["init_args"]["predict_blocks"] == 1
    return text
