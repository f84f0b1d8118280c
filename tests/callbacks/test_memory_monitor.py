"""What the monitor takes out of a memory, and what it leaves in a run's folder."""

from pathlib import Path

import pytest
import torch
from episodic.networks.actor_critic import RecurrentActorCritic
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from callbacks.memory_monitor import MemoryMonitor
from cli import main
from episodic.agents.rollout import Trajectory, play_episodes
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from episodic.metrics.episode_statistics import BanditStatistics
from episodic.plots import memory_contents
from episodic.plots.memory_contents import UNKNOWN, best_arms, read_contents
from episodic.plots.memory_recall import read_statistics
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from tests.episodic.memory.memory_oracle import DEVICES
from tests.tiny import tiny_bandit

TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=2, bits=5)
BATCH, HIDDEN = 3, 6
MONITOR = "--trainer.callbacks+=callbacks.memory_monitor.MemoryMonitor"
PICTURES = {"memory_map.png", "memory_recall.png", "memory_similarity.png"}


class ClusteredMemory(EpisodicMemory):
    """A memory with cluster centres, as a monitor sees it."""

    centres: Tensor

    def _empty_buffers(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        return {**super()._empty_buffers(batch, like), "centres": like.new_ones(batch, 2, self.key_size)}


def played(memory: Memory, device: str = "cpu", labels: Tensor | None = None) -> tuple[BlockSpec, list[Trajectory]]:
    """A block that leaves its contents in `memory`; `labels` `[C]` name the contexts anew."""
    torch.manual_seed(0)
    agent = RecurrentActorCritic(TASK.arms, TASK.cue_size, HIDDEN, reinstatement=True).to(device)
    spec = TASK.draw_block(BATCH, 0)
    if labels is not None:
        spec = spec._replace(labels=labels[spec.rules.contexts])
    parts = {name: getattr(spec, name).to(device) for name in BlockSpec._fields if name not in ("seed", "drawings")}
    moved = spec._replace(**parts)
    return moved, list(play_episodes(TASK, agent, memory.to(device), moved))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("organisation", "capacity"), [("append", 12), ("append", 5), ("append", 20), ("stack", 4)])
def test_contents_equal_a_loop_over_the_episodes(organisation: str, capacity: int, device: str) -> None:
    memory = (EpisodicMemory if organisation == "append" else StackMemory)(capacity, TASK.cue_size, HIDDEN)
    spec, episodes = played(memory, device, labels=torch.tensor([40, 7, 13, 2]))
    for environment in range(BATCH):
        kept: list[tuple[int, int]] = [(int(spec.labels[e, environment]), e) for e in range(spec.episodes)]
        kept = sorted(kept[-capacity:]) if organisation == "append" else sorted(dict(kept).items())
        found = read_contents(memory, spec, environment, "test")
        assert found is not None
        assert found.labels.tolist() == [label for label, _ in kept]
        for slot, (_, e) in enumerate(kept):
            assert found.keys[slot].tolist() == spec.cues[e, environment].tolist()
            assert found.values[slot].tolist() == episodes[e].cells[-1, environment].tolist()
            arms = spec.rules.probabilities[environment, spec.rules.contexts[e, environment]].tolist()
            assert int(found.best_arms[slot]) == arms.index(max(arms))
        assert found.in_use == len(kept)
        assert found.capacity == capacity
        assert found.keys.device.type == found.best_arms.device.type == "cpu"


def test_a_label_that_the_block_does_not_have_has_no_best_arm() -> None:
    spec = TASK.draw_block(BATCH, 0)
    assert best_arms(torch.tensor([-1, 99]), spec, 0).tolist() == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("environment", [-1, BATCH])
def test_an_environment_that_is_not_there_is_refused(environment: int) -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, _ = played(memory)
    with pytest.raises(InputError, match=rf"^environment is {environment}: a test block has 3 environments, 0 to 2$"):
        read_contents(memory, spec, environment, "test")
    with pytest.raises(InputError, match=r"^environment is -2: environments are numbered from 0$"):
        MemoryMonitor(environment=-2)


def test_a_memory_that_was_given_back_has_no_contents() -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, _ = played(memory)
    memory.reset(0)
    assert read_contents(memory, spec, 0, "test") is None


def test_a_memory_that_was_never_written_is_empty() -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    memory.reset(BATCH)
    found = read_contents(memory, TASK.draw_block(BATCH, 0), 0, "test")
    assert found is not None
    assert (found.keys.shape, found.in_use) == ((0, TASK.cue_size), 0)


def test_of_very_many_slots_some_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = EpisodicMemory(12, TASK.cue_size, HIDDEN)
    spec, _ = played(memory)
    everything = read_contents(memory, spec, 1, "test")
    monkeypatch.setattr(memory_contents, "SHOWN", 5)
    some = read_contents(memory, spec, 1, "test")
    assert everything is not None
    assert some is not None
    torch.testing.assert_close(some.values, everything.values[[0, 2, 4, 7, 9]])
    assert "12 of 12 slots in use (5 shown), 4 labels" in some.title
    assert "12 of 12 slots in use, 4 labels" in everything.title


@pytest.mark.parametrize(("kernel", "length"), [("cosine", 1.0), ("l2", None)])
def test_keys_lie_where_their_centres_were_found(kernel: str, length: float | None) -> None:
    memory = ClusteredMemory(12, TASK.cue_size, HIDDEN, kernel=kernel)
    spec, _ = played(memory)
    memory.centres = torch.randn(BATCH, 2, TASK.cue_size)
    found = read_contents(memory, spec, 2, "test")
    assert found is not None
    assert found.centres is not None
    assert found.centres.tolist() == memory.centres[2].tolist()
    expected = spec.cues.pow(2).sum(-1).sqrt()[:, 2].sort().values if length is None else torch.full((12,), length)
    torch.testing.assert_close(found.keys.norm(dim=1).sort().values, expected)


@pytest.mark.parametrize("processes", [1, 2])
def test_reads_are_added_up_over_processes_and_the_statistics_left_alone(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = EpisodicMemory(5, TASK.cue_size, HIDDEN, threshold=0.9)
    spec, episodes = played(memory)
    statistics = BanditStatistics(TASK.exposures, TASK.pulls, TASK.episodes)
    expected = torch.zeros(3, TASK.exposures, TASK.pulls, dtype=torch.float64)
    for e, trajectory in enumerate(episodes):
        statistics.update(trajectory, spec, e, occupied=torch.ones(BATCH, 5).cumsum(1) <= e + 1)
        assert trajectory.recall is not None
        for b in range(BATCH):
            for t in range(TASK.pulls):
                label = int(trajectory.recall.label[t, b])
                counted = torch.tensor([True, label == int(spec.labels[e, b]), label < 0])
                expected[:, int(spec.exposures[e, b]) - 1, t] += counted
    if processes > 1:  # as if another process had met the same
        statistics.distributed_available_fn = lambda: True
        statistics.dist_sync_fn = lambda state, group: [state] * processes
    found = read_statistics(statistics, memory)
    for got, sums in zip((found.recalls, found.right, found.missed), expected, strict=True):
        torch.testing.assert_close(got, sums * processes)
    assert 0 < found.right.sum() < found.recalls.sum() - found.missed.sum() + 1
    assert found.slots.tolist() == [min(e + 1, 5) for e in range(TASK.episodes)]
    assert (found.kernel, found.threshold, found.capacity) == ("cosine", 0.9, 5)
    assert len(found.similarity) == len(found.kinds) > 0
    torch.testing.assert_close(statistics.recalls, expected[0])


@pytest.mark.parametrize(
    ("kernel", "threshold", "told"),
    [("cosine", -1.0, None), ("cosine", 0.0, 0.0), ("l2", -1.0, -1.0), ("l2", None, None)],
)
def test_a_threshold_that_holds_nothing_back_is_none(kernel: str, threshold: float | None, told: float | None) -> None:
    memory = EpisodicMemory(5, 3, 2, kernel=kernel, threshold=threshold)
    assert read_statistics(BanditStatistics(2, 2, 4), memory).threshold == told


def tags(run: Path) -> tuple[set[str], set[str]]:
    """Pictures and projected tensors in a run's TensorBoard files."""
    images: set[str] = set()
    for events in run.glob("events.out.tfevents.*"):
        images |= set(EventAccumulator(str(events)).Reload().Tags()["images"])
    return images, {path.parent.name for path in run.glob("*/*/metadata.tsv")}


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A run that was trained and tested with a monitor, and the pictures that training alone left."""
    root = tmp_path_factory.mktemp("runs")
    options = ["--trainer.callbacks.validation=true", "--trainer.callbacks.environment=2"]
    assert main(["fit", *tiny_bandit(root, epochs=1), MONITOR, *options]) == 0
    run = root / "barcode_bandit" / "version_0"
    after_training = tags(run)[0]
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    return run, after_training


def test_validation_sends_the_quick_pictures_to_tensorboard(monitored: tuple[Path, set[str]]) -> None:
    assert {name for name in monitored[1] if "memory" in name} == {
        "figures/memory_similarity_val",
        "figures/memory_recall_val",
    }


def test_test_leaves_pictures_and_the_projector(monitored: tuple[Path, set[str]]) -> None:
    run, _ = monitored
    assert {path.name for path in (run / "figures").glob("memory_*")} == PICTURES
    images, projected = tags(run)
    assert {f"figures/{Path(name).stem}" for name in PICTURES} <= images
    assert projected == {"memory_keys", "memory_values"}
    rows = next(run.glob("*/memory_keys/metadata.tsv")).read_text().splitlines()
    assert rows[0] == "label\tbest arm"
    assert [row.split("\t")[0] for row in rows[1:]] == ["0", "0", "1", "1", "2", "2"]


def test_an_agent_without_memory_gets_no_pictures(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "barcode_bandit_l2rl", epochs=1), MONITOR]) == 0
    run = tmp_path / "barcode_bandit_l2rl" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert (run / "figures" / "reward_by_exposure.png").is_file()
    assert not list(run.glob("figures/memory_*"))


def test_an_environment_too_many_is_told_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *tiny_bandit(tmp_path), MONITOR, "--trainer.callbacks.environment=4"]) == 2
    assert "environment is 4: a test block has 4 environments, 0 to 3" in capsys.readouterr().err
