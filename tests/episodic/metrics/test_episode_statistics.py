"""The sums behind an agent's metrics against loops over episodes, steps and environments."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics.episode_statistics import NOTHING, RIGHT, WRONG, EpisodeStatistics

EPISODES, STEPS, BATCH, HIDDEN, EXPOSURES = 12, 4, 5, 6, 3
SUMS = ("reward", "gate", "recalls", "right", "missed")


@dataclass
class Block:
    """A block's episodes, `[E, ...]`."""

    exposures: Tensor  # [E, B]
    labels: Tensor  # [E, B]
    rewards: Tensor  # [E, T, B]
    regret: Tensor  # [E, T, B]
    label: Tensor  # [E, T, B] recalled
    similarity: Tensor  # [E, T, B]
    gate: Tensor  # [E, T, B, H]
    occupied: Tensor  # [E, B, N]
    made: Tensor  # [T]


def random_block(seed: int = 0, made: tuple[bool, ...] = (True,) * STEPS) -> Block:
    """A block in whose first episode the memory is empty; about half of the later reads are right."""
    generator = torch.Generator().manual_seed(seed)
    shape = (EPISODES, STEPS, BATCH)
    labels = torch.randint(4, (EPISODES, BATCH), generator=generator)
    seen = torch.nn.functional.one_hot(labels).cumsum(0)
    exposures = seen.gather(2, labels.unsqueeze(2)).squeeze(2).clamp_max(EXPOSURES)
    label = torch.where(torch.rand(shape, generator=generator) < 0.5, labels.unsqueeze(1), -1)
    label = torch.where(torch.rand(shape, generator=generator) < 0.2, 9, label)
    label = torch.where((exposures == 1).unsqueeze(1) & (label != 9), -1, label)  # nothing to recall yet
    label[0], similarity = -1, torch.rand(shape, generator=generator)
    similarity[0] = -torch.inf
    return Block(
        exposures=exposures,
        labels=labels,
        rewards=torch.randint(2, shape, generator=generator).float(),
        regret=torch.rand(shape, generator=generator),
        label=label,
        similarity=similarity,
        gate=torch.rand(*shape, HIDDEN, generator=generator),
        occupied=torch.arange(7) <= torch.arange(EPISODES).view(-1, 1, 1).expand(-1, BATCH, 1),
        made=torch.tensor(made),
    )


def collect(*blocks: Block, exposures: int = EXPOSURES, memory: bool = True, **options: Any) -> EpisodeStatistics:
    statistics = EpisodeStatistics(exposures, STEPS, EPISODES, **options)
    for block in blocks:
        add(statistics, block, memory)
    return statistics


def add(statistics: EpisodeStatistics, block: Block, memory: bool = True) -> None:
    for e in range(EPISODES):
        statistics.update(
            e,
            block.exposures[e],
            block.rewards[e],
            {"regret": block.regret[e]},
            labels=block.labels[e],
            reads=(block.label[e], block.similarity[e], block.made) if memory else None,
            gate=block.gate[e] if memory else None,
            occupied=block.occupied[e] if memory else None,
        )


def slow_sums(*blocks: Block, exposures: int = EXPOSURES, memory: bool = True) -> dict[str, Tensor]:
    sums = {name: torch.zeros(exposures, STEPS, dtype=torch.float64) for name in (*SUMS, "regret")}
    sums["count"] = torch.zeros(exposures, dtype=torch.float64)
    for block in blocks:
        for e in range(EPISODES):
            for b in range(BATCH):
                row = min(int(block.exposures[e, b]), exposures) - 1
                sums["count"][row] += 1
                for t in range(STEPS):
                    sums["reward"][row, t] += block.rewards[e, t, b].item()
                    sums["regret"][row, t] += block.regret[e, t, b].item()
                    if not memory:
                        continue
                    sums["gate"][row, t] += sum(block.gate[e, t, b].tolist()) / HIDDEN
                    if block.made[t]:
                        label = int(block.label[e, t, b])
                        sums["recalls"][row, t] += 1
                        sums["right"][row, t] += label == int(block.labels[e, b])
                        sums["missed"][row, t] += label == -1
    return sums


def assert_sums(statistics: EpisodeStatistics, expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        found = statistics.measure(name) if name == "regret" else getattr(statistics, name)
        torch.testing.assert_close(found, value, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("exposures", [EXPOSURES, 2, 1, 5])
def test_sums_equal_the_loops(exposures: int, memory: bool) -> None:
    one, other = random_block(0), random_block(1)
    statistics = collect(one, other, exposures=exposures, memory=memory)
    assert_sums(statistics, slow_sums(one, other, exposures=exposures, memory=memory))


def test_only_steps_with_a_read_are_counted() -> None:
    block = random_block(made=(True, False, True, False))
    statistics = collect(block, by_step=True)
    assert_sums(statistics, slow_sums(block))
    steps = {name[-2:] for name in statistics.compute() if name.startswith("recall_accuracy_pull")}
    assert steps == {"01", "03"}
    assert len(statistics.similarity_samples()[0]) == (EPISODES - 1) * 2 * BATCH


def test_regret_by_pull_is_the_cumulative_mean() -> None:
    block = random_block()
    sums, statistics = slow_sums(block, exposures=5), collect(block, exposures=5)
    regret = statistics.regret_by_pull()
    assert regret.shape == (5, STEPS)
    for x in range(5):
        for t in range(STEPS):
            total = sum(sums["regret"][x, : t + 1].tolist())
            if sums["count"][x] == 0:
                assert regret[x, t].isnan()
            else:
                assert regret[x, t].item() == pytest.approx(total / sums["count"][x].item(), abs=1e-6)
    for x in range(EXPOSURES):
        assert regret[x, -1].item() == pytest.approx(statistics.compute()[f"regret_exposure_{x + 1:02d}"].item())


def flat(by_exposure: dict[int, list[float]]) -> list[float]:
    return [value for values in by_exposure.values() for value in values]


def test_metrics_equal_plain_means() -> None:
    block = random_block()
    statistics = collect(block)
    statistics.add_ideal(torch.tensor(40.0))
    statistics.add_ideal(torch.tensor(10.0))
    rewards, regrets = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
    right, nothing = [], []
    for e in range(EPISODES):
        for b in range(BATCH):
            exposure = int(block.exposures[e, b])
            rewards[exposure].append(sum(block.rewards[e, :, b].tolist()))
            regrets[exposure].append(sum(block.regret[e, :, b].tolist()))
            for label in block.label[e, :, b].tolist():
                nothing.append(label == -1)
                if exposure >= 2:
                    right.append(label == block.labels[e, b].item())
    expected = {
        "reward": sum(flat(rewards)) / len(flat(rewards)),
        "regret": sum(flat(regrets)) / len(flat(regrets)),
        "ideal_fraction": sum(flat(rewards)) / 50.0,
        "recall_accuracy": sum(right) / len(right),
        "nothing_recalled": sum(nothing) / len(nothing),
        "slots_in_use": 7.0,
    }
    for x in range(1, EXPOSURES + 1):
        expected[f"reward_exposure_0{x}"] = sum(rewards[x]) / len(rewards[x])
        expected[f"regret_exposure_0{x}"] = sum(regrets[x]) / len(regrets[x])
    metrics = statistics.compute()
    assert {name: value.item() for name, value in metrics.items()} == pytest.approx(expected, rel=1e-5)
    assert all(value.dtype == torch.float32 and value.dim() == 0 for value in metrics.values())


def test_recall_accuracy_of_each_step() -> None:
    block = random_block()
    right = defaultdict[int, list[bool]](list)
    for e in range(EPISODES):
        for b in range(BATCH):
            for t in range(STEPS):
                if block.exposures[e, b] > 1:
                    right[t].append(bool(block.label[e, t, b] == block.labels[e, b]))
    metrics = collect(block, by_step=True).compute()
    shares = [metrics[f"recall_accuracy_pull_0{t + 1}"].item() for t in range(STEPS)]
    assert shares == pytest.approx([sum(right[t]) / len(right[t]) for t in range(STEPS)])
    assert len(set(shares)) > 1


def update(statistics: EpisodeStatistics, exposure: int, recalled: list[int], labels: Tensor, **options: Any) -> None:
    """Add an episode of one environment."""
    label = torch.tensor(recalled).unsqueeze(1)
    zeros = torch.zeros(label.shape)
    reads = (label, zeros, torch.ones(len(label), dtype=torch.bool))
    statistics.update(0, torch.tensor([exposure]), zeros, options, labels=labels, reads=reads)


def test_reads_at_the_first_exposure_do_not_count() -> None:
    statistics, labels = EpisodeStatistics(3, 1, 4, measures=()), torch.tensor([7])
    update(statistics, 1, [7], labels)
    assert "recall_accuracy" not in statistics.compute()
    for exposure, label in ((2, 7), (3, 3), (3, -1)):
        update(statistics, exposure, [label], labels)
    assert statistics.compute()["recall_accuracy"].item() == pytest.approx(1 / 3)


def test_a_task_without_exposures_counts_every_read_that_has_a_label() -> None:
    statistics = EpisodeStatistics(1, 4, 1, measures=())
    update(statistics, 1, [4, 5, -1, -1], torch.tensor([[4], [6], [3], [-1]]))
    metrics = statistics.compute()
    assert metrics["recall_accuracy"].item() == pytest.approx(1 / 3)
    assert metrics["nothing_recalled"].item() == 0.5
    assert statistics.right.sum() == 1, "-1 is not a label that was recalled"


def test_labels_of_each_read_count_from_the_second_exposure() -> None:
    statistics = EpisodeStatistics(2, 2, 1, measures=())
    update(statistics, 1, [4, 5], torch.tensor([[4], [5]]))
    assert "recall_accuracy" not in statistics.compute()
    update(statistics, 2, [4, 9], torch.tensor([[4], [5]]))
    assert statistics.compute()["recall_accuracy"] == 0.5


def test_other_measures_are_means_over_episodes() -> None:
    statistics = EpisodeStatistics(2, 3, 2, measures=("steps_to_goal", "hits"))
    for e, exposures in enumerate(([1, 1], [2, 1])):
        hits, steps = torch.full((3, 2), e + 1.0), torch.tensor([4.0, 8.0]) + e
        labels = torch.zeros(2).long()
        measures = {"hits": hits, "steps_to_goal": steps}
        statistics.update(e, torch.tensor(exposures), torch.ones(3, 2), measures, labels=labels)
    expected = {
        "reward": 3.0,
        "hits": (3 + 3 + 6 + 6) / 4,
        "steps_to_goal": (4 + 8 + 5 + 9) / 4,
        "reward_exposure_01": 3.0,
        "reward_exposure_02": 3.0,
        "hits_exposure_01": 12 / 3,
        "hits_exposure_02": 6.0,
        "steps_to_goal_exposure_01": 21 / 3,
        "steps_to_goal_exposure_02": 5.0,
    }
    assert {name: value.item() for name, value in statistics.compute().items()} == pytest.approx(expected)
    assert statistics.measure("steps_to_goal").tolist() == [[0, 0, 21], [0, 0, 5]]
    with pytest.raises(InputError, match=r"measure is 'regret': it must be one of steps_to_goal, hits"):
        statistics.regret_by_pull()


def test_other_names_than_announced_are_refused() -> None:
    statistics = EpisodeStatistics(2, 2, 1)
    with pytest.raises(InputError, match=r"measures are \['hits'\]: the statistics were made for \['regret'\]"):
        update(statistics, 1, [0, 0], torch.tensor([0]), hits=torch.zeros(2, 1))


def test_slots_in_use_are_the_mean_over_environments() -> None:
    statistics = collect(random_block())
    expected = torch.tensor([min(episode + 1.0, 7.0) for episode in range(EPISODES)], dtype=torch.float64)
    torch.testing.assert_close(statistics.slots / statistics.slot_counts, expected)


def test_samples_are_reads_of_the_first_environments() -> None:
    block = random_block()
    similarity, kind = collect(block).similarity_samples()
    expected = []
    for e in range(1, EPISODES):  # the memory is empty before
        for t in range(STEPS):
            for b in range(BATCH):
                label = int(block.label[e, t, b])
                outcome = NOTHING if label == -1 else RIGHT if label == block.labels[e, b] else WRONG
                expected.append((block.similarity[e, t, b].item(), outcome))
    assert list(zip(similarity.tolist(), kind.tolist(), strict=True)) == expected
    assert set(kind.tolist()) == {WRONG, RIGHT, NOTHING}
    assert [len(part) for part in collect(block, memory=False).similarity_samples()] == [0, 0]


def test_only_observed_metrics_are_named() -> None:
    names = collect(random_block(), exposures=5, memory=False).compute().keys()
    assert names == {"reward", "regret"} | {f"{kind}_exposure_0{x}" for kind in ("reward", "regret") for x in (1, 2, 3)}


def test_reset_forgets() -> None:
    block = random_block()
    statistics = collect(block)
    statistics.add_ideal(torch.tensor(40.0))
    statistics.reset()
    assert statistics.ideal == 0
    assert statistics.count.sum() == 0
    add(statistics, block)
    assert_sums(statistics, slow_sums(block))


def test_a_measure_that_does_not_apply_does_not_count() -> None:
    statistics = EpisodeStatistics(exposures=2, steps=2, episodes=1, measures=("regret", "stay", "never"))
    nan = torch.nan
    measures = {
        "regret": torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]),
        "stay": torch.tensor([0.25, nan, 0.75]),
        "never": torch.full((3,), nan),
    }
    exposures = torch.tensor([1, 1, 2])
    statistics.update(0, exposures, torch.zeros(2, 3), measures, labels=torch.tensor([0, 1, 2]))
    metrics = statistics.compute()
    assert metrics["regret"] == 1.0  # the sum over an episode
    assert metrics["stay"] == 0.5
    assert metrics["stay_exposure_01"] == 0.25
    assert metrics["stay_exposure_02"] == 0.75
    assert not [name for name in metrics if name.startswith("never")]
