"""The sums behind the metrics against loops over episodes, pulls and environments."""

from collections import defaultdict

import pytest
import torch
from episodic.networks.actor_critic import RecurrentActorCritic
from torch import Tensor

from episodic.agents.rollout import Trajectory, play_episodes
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.recall import Recall
from episodic.metrics.episode_statistics import BanditStatistics
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec

TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=4, bits=5)
BATCH, HIDDEN = 5, 6

Episodes = list[tuple[Trajectory, Tensor | None]]


def play(*, memory: bool = True, seed: int = 0) -> tuple[Episodes, BlockSpec]:
    """A block, each episode with its r-gates; the memory is too small to be always right."""
    torch.manual_seed(seed)
    agent = RecurrentActorCritic(TASK.arms, TASK.cue_size, HIDDEN, reinstatement=memory)
    store = EpisodicMemory(3, TASK.cue_size, HIDDEN) if memory else None
    spec = TASK.draw_block(BATCH, seed)
    episodes = list(play_episodes(TASK, agent, store, spec))
    return [(episode, agent.cell.reinstatement_gate(episode.gates)) for episode in episodes], spec


def collect(*blocks: tuple[Episodes, BlockSpec], exposures: int = TASK.exposures) -> BanditStatistics:
    statistics = BanditStatistics(exposures, TASK.pulls, TASK.episodes)
    for episodes, spec in blocks:
        for number, (trajectory, gate) in enumerate(episodes):
            statistics.update(trajectory, spec, number, gate)
    return statistics


def slow_sums(*blocks: tuple[Episodes, BlockSpec], exposures: int = TASK.exposures) -> dict[str, Tensor]:
    table = (exposures, TASK.pulls)
    sums = {name: torch.zeros(exposures, dtype=torch.float64) for name in ("episodes",)}
    names = ("reward", "regret", "gate", "recalls", "right", "missed")
    sums |= {name: torch.zeros(table, dtype=torch.float64) for name in names}
    for episodes, spec in blocks:
        for e, (trajectory, gate) in enumerate(episodes):
            for b in range(BATCH):
                row = min(int(spec.exposures[e, b]), exposures) - 1
                sums["episodes"][row] += 1
                for t in range(TASK.pulls):
                    sums["reward"][row, t] += trajectory.rewards[t, b].item()
                    sums["regret"][row, t] += trajectory.regrets[t, b].item()
                    sums["gate"][row, t] += sum(gate[t, b].tolist()) / HIDDEN if gate is not None else 0.0
                    if trajectory.recall is not None:
                        label = int(trajectory.recall.label[t, b])
                        sums["recalls"][row, t] += 1
                        sums["right"][row, t] += label == int(spec.labels[e, b])
                        sums["missed"][row, t] += label == -1
    return sums


def flat(by_exposure: dict[int, list[float]]) -> list[float]:
    return [value for values in by_exposure.values() for value in values]


def assert_sums(statistics: BanditStatistics, expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(getattr(statistics, name), value, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("exposures", [TASK.exposures, 2, 1, 5])
def test_sums_equal_the_loops(exposures: int, memory: bool) -> None:
    block = play(memory=memory)
    assert_sums(collect(block, exposures=exposures), slow_sums(block, exposures=exposures))


def test_regret_by_pull_grows_as_the_episodes_do() -> None:
    block = play()
    sums, statistics = slow_sums(block, exposures=5), collect(block, exposures=5)
    found = statistics.regret_by_pull()
    assert found.shape == (5, TASK.pulls)
    for x in range(5):
        for t in range(TASK.pulls):
            total = sum(sums["regret"][x, : t + 1].tolist())
            if sums["episodes"][x] == 0:
                assert found[x, t].isnan()
            else:
                assert found[x, t].item() == pytest.approx(total / sums["episodes"][x].item(), abs=1e-6)
    for x in range(TASK.exposures):
        assert found[x, -1].item() == pytest.approx(statistics.compute()[f"regret_exposure_{x + 1:02d}"].item())


def test_two_blocks_are_added_up() -> None:
    one, other = play(seed=0), play(seed=1)
    assert_sums(collect(one, other), slow_sums(one, other))
    parts = [collect(block) for block in (one, other)]
    for name in ("episodes", "reward", "regret", "gate", "recalls", "right", "missed"):
        together = getattr(parts[0], name) + getattr(parts[1], name)
        torch.testing.assert_close(getattr(collect(one, other), name), together)


def test_metrics_equal_plain_means() -> None:
    episodes, spec = play()
    statistics = collect((episodes, spec))
    statistics.add_ideal(torch.tensor(40.0))
    statistics.add_ideal(torch.tensor(10.0))
    rewards, regrets = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
    right, nothing = [], []
    for e, (trajectory, _) in enumerate(episodes):
        assert trajectory.recall is not None
        for b in range(BATCH):
            exposure = int(spec.exposures[e, b])
            rewards[exposure].append(sum(trajectory.rewards[:, b].tolist()))
            regrets[exposure].append(sum(trajectory.regrets[:, b].tolist()))
            for label in trajectory.recall.label[:, b].tolist():
                nothing.append(label == -1)
                if exposure >= 2:
                    right.append(label == spec.labels[e, b].item())
    every_reward, every_regret = flat(rewards), flat(regrets)
    expected = {
        "reward": sum(every_reward) / len(every_reward),
        "regret": sum(every_regret) / len(every_regret),
        "ideal_fraction": sum(every_reward) / 50.0,
        "recall_accuracy": sum(right) / len(right),
        "nothing_recalled": sum(nothing) / len(nothing),
    }
    for x in range(1, TASK.exposures + 1):
        expected[f"reward_exposure_0{x}"] = sum(rewards[x]) / len(rewards[x])
        expected[f"regret_exposure_0{x}"] = sum(regrets[x]) / len(regrets[x])
    assert 0 < expected["recall_accuracy"] < 1  # else the test would say little
    found = statistics.compute()
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, rel=1e-5)
    assert all(value.dtype == torch.float32 and value.dim() == 0 for value in found.values())


def recalling(label: int) -> Trajectory:
    """An episode of one environment that recalls `label`."""
    empty = torch.zeros(TASK.pulls, 1)
    recall = Recall(torch.zeros(TASK.pulls, 1, HIDDEN), torch.full_like(empty, label).long(), empty, empty.long())
    return Trajectory(empty, empty, empty, empty, empty.long(), empty, empty, empty, recall)


def test_recalls_at_the_first_exposure_do_not_count() -> None:
    labels = torch.tensor([[7], [7], [7], [7]])
    spec = BlockSpec(
        cues=torch.zeros(4, 1, 1),
        labels=labels,
        contexts=torch.zeros_like(labels),
        exposures=torch.tensor([[1], [2], [3], [3]]),
        probabilities=torch.full((1, 1, 3), 0.5),
        seed=0,
    )
    statistics = BanditStatistics(3, TASK.pulls, 4)
    statistics.update(recalling(7), spec, 0, None)
    assert "recall_accuracy" not in statistics.compute()
    for episode, label in enumerate((7, 3, -1), start=1):
        statistics.update(recalling(label), spec, episode, None)
    assert statistics.compute()["recall_accuracy"].item() == pytest.approx(1 / 3)


def test_slots_in_use_are_the_mean_over_environments() -> None:
    torch.manual_seed(0)
    agent, store = RecurrentActorCritic(TASK.arms, TASK.cue_size, HIDDEN), EpisodicMemory(7, TASK.cue_size, HIDDEN)
    spec = TASK.draw_block(BATCH, 0)
    statistics = BanditStatistics(TASK.exposures, TASK.pulls, TASK.episodes)
    for episode, trajectory in enumerate(play_episodes(TASK, agent, store, spec)):
        statistics.update(trajectory, spec, episode, None, store.occupied)
    expected = torch.tensor([min(episode + 1.0, 7.0) for episode in range(TASK.episodes)], dtype=torch.float64)
    torch.testing.assert_close(statistics.slots / statistics.slot_counts, expected)
    assert statistics.compute()["slots_in_use"] == 7


def test_samples_are_reads_of_the_first_environments() -> None:
    episodes, spec = play()
    similarity, kind = collect((episodes, spec)).similarity_samples()
    expected = []
    for e, (trajectory, _) in enumerate(episodes):
        assert trajectory.recall is not None
        for t in range(TASK.pulls):
            for b in range(BATCH):
                label = trajectory.recall.label[t, b].item()
                if e > 0:  # the memory is empty before
                    found = 2 if label == -1 else int(label == spec.labels[e, b].item())
                    expected.append((trajectory.recall.similarity[t, b].item(), found))
    assert list(zip(similarity.tolist(), kind.tolist(), strict=True)) == expected
    assert {0, 1} <= set(kind.tolist())
    nothing = collect(play(memory=False)).similarity_samples()
    assert [len(part) for part in nothing] == [0, 0]


def test_recall_accuracy_of_each_pull() -> None:
    episodes, spec = play()
    changing = []
    for e, (trajectory, gate) in enumerate(episodes):  # a wrong label at one pull of each episode
        assert trajectory.recall is not None
        label = trajectory.recall.label.clone()
        label[e % TASK.pulls] = 99
        changing.append((trajectory._replace(recall=trajectory.recall._replace(label=label)), gate))
    statistics = BanditStatistics(TASK.exposures, TASK.pulls, TASK.episodes, by_pull=True)
    right = defaultdict[int, list[bool]](list)
    for e, (trajectory, gate) in enumerate(changing):
        statistics.update(trajectory, spec, e, gate)
        assert trajectory.recall is not None
        for t in range(TASK.pulls):
            for b in range(BATCH):
                if spec.exposures[e, b] > 1:
                    right[t].append(bool(trajectory.recall.label[t, b] == spec.labels[e, b]))
    found = statistics.compute()
    for t in range(TASK.pulls):
        assert found[f"recall_accuracy_pull_0{t + 1}"].item() == pytest.approx(sum(right[t]) / len(right[t]))
    assert len({found[f"recall_accuracy_pull_0{t + 1}"].item() for t in range(TASK.pulls)}) > 1


def test_only_what_was_seen_is_told() -> None:
    names = collect(play(memory=False), exposures=5).compute().keys()
    assert names == {"reward", "regret"} | {f"{kind}_exposure_0{x}" for kind in ("reward", "regret") for x in (1, 2, 3)}


def test_reset_forgets() -> None:
    block = play()
    statistics = collect(block)
    statistics.add_ideal(torch.tensor(40.0))
    statistics.reset()
    assert statistics.ideal == 0
    assert statistics.episodes.sum() == 0
    for number, (trajectory, gate) in enumerate(block[0]):
        statistics.update(trajectory, block[1], number, gate)
    assert_sums(statistics, slow_sums(block))
