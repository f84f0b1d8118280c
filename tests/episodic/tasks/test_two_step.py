"""The two-step task: its rules against a slow replay, its ideal player against an enumeration of all histories."""

import itertools
from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.two_step import OUTCOMES, TwoStep, TwoStepEpisode


def played(
    task: TwoStep, spec: BlockSpec, seed: int = 0
) -> tuple[TwoStepEpisode, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A block played at random: the episode, actions `[T, B]`, rewards `[T, B]` and observations."""
    batch, observation = spec.batch_size, torch.zeros(task.steps + 1, spec.batch_size, 3)
    episode = task.begin(spec, 0, task.luck(spec)[0], observation)
    actions = torch.randint(2, (task.steps, batch), generator=torch.Generator().manual_seed(seed))
    rewards = torch.full((task.steps, batch, 1), -1.0)
    for t in range(task.steps):
        episode.step(t, actions[t].unsqueeze(1), rewards[t])
    return episode, actions, rewards.squeeze(-1), observation


@pytest.mark.parametrize("per_trial", [1, 2])
@pytest.mark.parametrize("cued", ["random", "halves"])
def test_a_block_follows_the_rules(per_trial: int, cued: str) -> None:
    task = TwoStep(trials=12, steps_per_trial=per_trial, cued=cued)
    spec = task.draw_block(40, seed=3)
    _, actions, rewards, observation = played(task, spec)
    rules = spec.rules
    assert (rules.cued[:6] == -1).all()
    for b in range(40):
        history: list[tuple[int, float]] = []
        for n in range(12):
            first = n * per_trial
            state = int(actions[first, b]) ^ int(rules.uncommon[n, b])
            reward = float(rules.pays[n, b, state])
            shown = int(rules.cued[n, b])
            if shown >= 0:
                assert 0 <= shown < 6
                assert cued == "random" or (shown < 3) == (n < 9)
                if history[shown][0] == state:
                    reward = history[shown][1]
            history.append((state, reward))
            assert rewards[first, b] == reward
            assert observation[first, b, 2] == float(shown >= 0)
            assert observation[first + 1, b, :2].tolist() == [float(state == 0), float(state == 1)]
            if per_trial == 2:
                assert rewards[first + 1, b] == 0


@pytest.mark.parametrize("per_trial", [1, 2])
def test_what_is_read_was_written_under_the_same_key(per_trial: int) -> None:
    task = TwoStep(trials=10, steps_per_trial=per_trial, vocabulary=60, bits=8)
    spec, schedule = task.draw_block(5, seed=0), task.schedule
    assert spec.keys is not None
    assert spec.key_labels is not None
    assert spec.query_labels is not None
    assert sum(schedule.writes) == spec.keys.shape[1]
    assert [t // per_trial for t, read in enumerate(schedule.reads) if read] == [5, 6, 7, 8, 9]
    for t, read in enumerate(schedule.reads):
        for b in range(5 if read else 0):
            trial = int(spec.rules.cued[t // per_trial, b])
            assert torch.equal(spec.cues[0, t, b], spec.keys[0, trial, b, 0])
            assert spec.query_labels[0, t, b] == spec.key_labels[0, trial, b, 0]
    written = [t for t, write in enumerate(schedule.writes) if write]
    for n, t in enumerate(written):  # the reward of trial n is in the input of the step that is written
        assert t == (2 * n + 1 if per_trial == 2 else n + 1)
    uncued = spec.query_labels[0, 0]
    assert (uncued == -1).all()
    assert int(spec.key_labels.max()) > 9  # numbers of the vocabulary


def oracle_choice(task: TwoStep, spec: BlockSpec, b: int, history: list[tuple[int, float]], memory: bool) -> int:
    """The best choice in the next trial, by enumerating which state was better when, and which trials were cued."""
    n, half = len(history), task.trials // 2
    known = [int(c) for c in spec.rules.cued[: n + 1, b]]

    def cues(trial: int) -> list[int]:
        return [-1] if trial < half else [known[trial]] if memory else list(range(half))

    def chance(trial: int, state: int, good: int) -> float:
        """Probability of a reward in a state, over what the player does not know about the cue."""
        own = task.high if state == good else task.low
        options = [history[cue][1] if cue >= 0 and history[cue][0] == state else own for cue in cues(trial)]
        return sum(options) / len(options)

    pays = [0.0, 0.0]
    for path in itertools.product((0, 1), repeat=n + 1):
        weight = 0.5
        for before, after in itertools.pairwise(path):
            weight *= task.reversal if before != after else 1 - task.reversal
        for trial, (state, reward) in enumerate(history):
            p = chance(trial, state, path[trial])
            weight *= p if reward > 0 else 1 - p
        for state in (0, 1):
            pays[state] += weight * chance(n, state, path[n])
    values = [task.common * pays[a] + (1 - task.common) * pays[1 - a] for a in (0, 1)]
    return int(values[1] > values[0] + 1e-12)


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("options", [{}, {"common": 0.8, "high": 0.7, "low": 0.2, "reversal": 0.3}, {"common": 0.2}])
def test_the_ideal_player_equals_an_enumeration(memory: bool, options: dict[str, Any]) -> None:
    task = TwoStep(trials=6, **options)
    spec = task.draw_block(25, seed=2)
    rewards, episode = task.ideal_play(spec, memory=memory)
    for b in range(25):
        history: list[tuple[int, float]] = []
        for n in range(6):
            assert episode.chosen[n, b] == oracle_choice(task, spec, b, history, memory), (b, n)
            history.append((int(episode.states[n, b]), float(episode.rewards[n, b])))
    assert torch.equal(rewards[0].sum(dim=0), episode.rewards.sum(dim=0))


def test_reference_levels_of_the_standard_task() -> None:
    task = TwoStep()
    spec = task.draw_block(4000, seed=0)
    rewards, episode = task.ideal_play(spec)
    assert float(rewards.sum(dim=1).mean()) == pytest.approx(75.05, abs=0.3)
    assert float(task.ideal_rewards(spec, memory=False).sum(dim=1).mean()) == pytest.approx(69.0, abs=0.5)
    shares = {name: float(share.nanmean()) for name, share in episode.measures(torch.empty(0)).items()}
    assert [round(shares[f"stay_uncued_{outcome}"]) for outcome in OUTCOMES] == [1, 0, 0, 1]
    assert [round(shares[f"stay_episodic_{outcome}"]) for outcome in OUTCOMES] == [1, 0, 0, 1]
    assert shares["stay_cued_rewarded_common"] == pytest.approx(0.56, abs=0.02)
    assert task.chance == 50


def test_stay_probabilities_are_counted_trial_by_trial() -> None:
    task = TwoStep(trials=16)
    spec = task.draw_block(8, seed=5)
    episode, actions, rewards, _ = played(task, spec)
    measures = episode.measures(actions)
    assert tuple(measures) == task.measures
    for b in range(8):
        stays: dict[str, list[bool]] = {name: [] for name in measures}
        for n in range(1, 16):
            for name, earlier in (("cued" if n >= 8 else "uncued", n - 1), ("episodic", int(spec.rules.cued[n, b]))):
                if earlier < 0:
                    continue
                paid = "rewarded" if rewards[2 * earlier, b] > 0 else "unrewarded"
                way = "uncommon" if spec.rules.uncommon[earlier, b] else "common"
                stays[f"stay_{name}_{paid}_{way}"].append(bool(actions[2 * n, b] == actions[2 * earlier, b]))
        for name, values in stays.items():
            share = measures[name][b]
            assert share.isnan() if not values else share == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 7}, "must be even"),
        ({"trials": 6, "cued": "halves"}, "multiple of 4"),
        ({"steps_per_trial": 3}, "must be 1 or 2"),
        ({"high": 0.1, "low": 0.2}, "must be greater than low"),
        ({"bits": 6}, "too few for 100 trials"),
        ({"cued": "never"}, "random, halves"),
    ],
)
def test_impossible_tasks_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TwoStep(**options)
