"""The contextual choice task: trials that return, noise included."""

from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.contextual_choice import ContextualChoice


def test_the_second_half_shows_the_trials_of_the_first_in_another_order() -> None:
    task = ContextualChoice(trials=8, dimensions=4)
    spec = task.draw_block(6, seed=0)
    assert spec.exposures[:, 0].tolist() == [1] * 8 + [2] * 8
    shown = []
    for e in range(16):
        observation = torch.zeros(11, 6, 4)
        task.begin(spec, e, torch.empty(0), observation)
        assert (observation[10] == 0).all()
        shown.append(observation[:10])
    for b in range(6):
        assert sorted(spec.labels[8:, b].tolist()) == list(range(8))
        assert spec.labels[8:, b].tolist() != list(range(8))
        for e in range(8, 16):
            first = int(spec.labels[e, b])
            assert torch.equal(shown[e][:, b], shown[first][:, b])
            assert torch.equal(spec.cues[e, b], spec.cues[first, b])


def test_evidence_has_the_drift_of_the_right_choice() -> None:
    task = ContextualChoice(trials=200, dimensions=16, drift=0.7)
    rules = task.draw_block(4, seed=0).rules
    sign = 2.0 * rules.positive - 1
    mean = (rules.evidence.mean(dim=-1) * sign).mean(dim=(1, 2))
    assert mean[:5].abs().max() < 0.05
    assert (mean[5:] - 0.7).abs().max() < 0.05


def test_rewards_and_regret() -> None:
    task = ContextualChoice(trials=3, dimensions=2)
    spec = task.draw_block(5, seed=0)
    episode = task.begin(spec, 4, torch.empty(0), torch.zeros(11, 5, 2))
    right = spec.rules.positive[torch.arange(5), spec.labels[4]].long()
    reward = torch.full((5, 1), -1.0)
    episode.step(0, torch.ones(5, 1, dtype=torch.long), reward)
    assert torch.equal(reward.squeeze(1), right.float())
    actions = torch.randint(2, (10, 5), generator=torch.Generator().manual_seed(0))
    assert torch.equal(episode.measures(actions)["regret"], (actions != right).float())


def test_only_the_first_half_is_written() -> None:
    task = ContextualChoice(trials=3)
    assert [any(task.schedule_of(e).writes) for e in range(6)] == [True] * 3 + [False] * 3
    assert all(all(task.schedule_of(e).reads) for e in range(6))
    assert not task.shows_feedback


@pytest.mark.parametrize("memory", [True, False])
def test_the_ideal_player_equals_a_plain_loop(memory: bool) -> None:
    task = ContextualChoice(trials=6, dimensions=3, drift=0.2)
    spec = task.draw_block(20, seed=0)
    rewards, luck = task.ideal_rewards(spec, memory=memory), task.luck(spec)
    for b in range(20):
        for e in range(12):
            trial = int(spec.labels[e, b])
            evidence = spec.rules.evidence[:, b, trial].sum(dim=-1)
            total = float(evidence[5:].sum()) if memory and e >= 6 else 0.0
            for t in range(10):
                total += float(evidence[t]) if t >= 5 else 0.0
                positive = total > 0 if total != 0 else bool(luck[e, t, b] < 0.5)
                assert rewards[e, t, b] == float(positive == bool(spec.rules.positive[b, trial]))


def test_reference_levels_of_the_standard_task() -> None:
    task = ContextualChoice()
    spec = task.draw_block(64, seed=0)
    assert float(task.ideal_rewards(spec).sum(dim=1).mean()) == pytest.approx(8.75, abs=0.05)
    assert float(task.ideal_rewards(spec, memory=False).sum(dim=1).mean()) == pytest.approx(7.5, abs=0.05)
    weak = ContextualChoice(drift=0.1)
    steps = weak.ideal_rewards(weak.draw_block(128, seed=0), memory=False).mean(dim=(0, 2))
    for step, level in zip(steps[5:], (0.714, 0.788, 0.836, 0.871, 0.897), strict=True):
        assert float(step) == pytest.approx(level, abs=0.015)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"trials": 0}, "trials is 0"), ({"quiet": 10}, "quiet is 10"), ({"drift": 0.0}, "drift is 0")],
)
def test_impossible_tasks_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ContextualChoice(**options)
