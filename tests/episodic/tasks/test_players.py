"""The players against exact and slow versions of their rules, choice by choice."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from episodic.tasks.bandit import Bandit
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.gittins import gittins_indices
from episodic.tasks.players import PLAYERS, Play, play_block

History = list[tuple[int, float]]  # arm and reward of each pull
SMALL = BarcodeBandit(arms=4, contexts=4, exposures=4, pulls=6, bits=5)
NAMES = tuple(PLAYERS)


class Choice(NamedTuple):
    """An arm that was pulled, and what the player had seen before."""

    action: int
    history: History


def play(name: str, task: Bandit = SMALL, batch: int = 6, seed: int = 3) -> tuple[Play, BlockSpec]:
    spec = task.draw_block(batch, seed)
    return play_block(PLAYERS[name], task, spec), spec


def choices(played: Play, spec: BlockSpec, *, remembers: bool) -> Iterator[Choice]:
    """Each choice of each environment, with the history of its context (else of its episode alone)."""
    for b in range(spec.batch_size):
        histories: dict[int, History] = {}
        for e in range(spec.episodes):
            history = histories.setdefault(int(spec.rules.contexts[e, b]), []) if remembers else []
            for t in range(played.actions.shape[1]):
                action = int(played.actions[e, t, b])
                yield Choice(action, list(history))
                history.append((action, played.rewards[e, t, b].item()))


def posterior(history: History, task: Bandit) -> list[float]:
    """Probability of each arm being the best one: one hypothesis an arm, all equally likely beforehand."""
    likelihoods = []
    for hypothesis in range(task.arms):
        likelihood = float(hypothesis < task.candidates)
        for arm, reward in history:
            p = task.best if arm == hypothesis else task.rest
            likelihood *= p if reward else 1 - p
        likelihoods.append(likelihood)
    return [likelihood / sum(likelihoods) for likelihood in likelihoods]


def ucb1(history: History, task: Bandit) -> list[float]:
    indices = []
    for arm in range(task.arms):
        rewards = [reward for pulled, reward in history if pulled == arm]
        bonus = math.sqrt(2 * math.log(len(history)) / len(rewards)) if rewards else math.inf
        indices.append(sum(rewards) / len(rewards) + bonus if rewards else bonus)
    return indices


def gittins(history: History, task: Bandit) -> list[float]:
    table = gittins_indices(task.pulls)
    counts = [[reward for pulled, reward in history if pulled == arm] for arm in range(task.arms)]
    return [table[int(sum(rewards)), len(rewards) - int(sum(rewards))].item() for rewards in counts]


def mean_reward_by_exposure(played: Play, spec: BlockSpec) -> list[float]:
    rewards = played.rewards.sum(dim=1)
    return [rewards[spec.exposures == x].mean().item() for x in range(1, int(spec.exposures.max()) + 1)]


@pytest.mark.parametrize(
    ("name", "index", "remembers"),
    [
        ("ideal", posterior, True),
        ("ideal_without_memory", posterior, False),
        ("ucb1", ucb1, False),
        ("gittins", gittins, False),
    ],
)
@pytest.mark.parametrize(("best", "rest", "best_arms"), [(0.9, 0.1, None), (0.7, 0.4, 2), (1.0, 0.0, None)])
def test_every_choice_has_the_highest_index(
    name: str,
    index: Callable[[History, Bandit], list[float]],
    remembers: bool,
    best: float,
    rest: float,
    best_arms: int | None,
) -> None:
    task = BarcodeBandit(4, 4, exposures=4, pulls=6, best=best, rest=rest, best_arms=best_arms, bits=5)
    played, spec = play(name, task)
    for choice in choices(played, spec, remembers=remembers):
        indices = index(choice.history, task)
        assert indices[choice.action] >= max(indices) * (1 - 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_rewards_and_regrets_are_those_of_the_block(name: str) -> None:
    played, spec = play(name)
    luck = SMALL.luck(spec)
    for e in range(spec.episodes):
        for b in range(spec.batch_size):
            pays = spec.rules.probabilities[b, int(spec.rules.contexts[e, b])]
            for t in range(SMALL.pulls):
                chosen = pays[int(played.actions[e, t, b])]
                assert played.rewards[e, t, b] == float(luck[e, t, b] < chosen)
                assert played.regrets[e, t, b] == pays.max() - chosen


def test_the_oracle_has_no_regret() -> None:
    played, spec = play("oracle")
    assert (played.regrets == 0).all()
    for e in range(spec.episodes):
        assert (played.actions[e] == spec.rules.arms(e).argmax(dim=1)).all()


def test_ucb1_tries_each_arm_once_first() -> None:
    played, _ = play("ucb1")
    first = played.actions[:, : SMALL.arms].sort(dim=1).values
    assert (first == torch.arange(SMALL.arms).view(1, -1, 1)).all()


def test_the_ideal_observer_makes_no_mistake_twice_where_rewards_are_sure() -> None:
    task = BarcodeBandit(arms=4, contexts=4, exposures=4, pulls=4, best=1.0, rest=0.0, bits=5)
    played, spec = play("ideal", task)
    missed = (played.regrets > 0).sum(dim=1)
    assert (missed <= 3).all()
    assert (missed[spec.exposures > 1] == 0).all()


def test_ideal_observer_reaches_the_reference_by_exposure() -> None:
    task = BarcodeBandit()
    rewards = mean_reward_by_exposure(*play("ideal", task, batch=512))
    assert rewards[:5] == pytest.approx([4.41, 8.11, 8.82, 8.96, 8.99], abs=0.1)
    assert sum(rewards) / len(rewards) == pytest.approx(8.43, abs=0.05)


def test_without_memory_the_ideal_observer_stays_at_its_first_exposure() -> None:
    rewards = mean_reward_by_exposure(*play("ideal_without_memory", BarcodeBandit(exposures=3), batch=512))
    assert rewards == pytest.approx([4.41] * 3, abs=0.12)


def test_random_choice_earns_the_mean_of_the_arms() -> None:
    played, _ = play("random", BarcodeBandit(exposures=3), batch=512)
    assert played.rewards.sum(dim=1).mean().item() == pytest.approx(1.8, abs=0.05)
    counts = torch.bincount(played.actions.flatten(), minlength=10) / played.actions.numel()
    torch.testing.assert_close(counts, torch.full((10,), 0.1), atol=0.005, rtol=0.0)


@pytest.mark.parametrize(("first_reward", "again"), [(1.0, 2 / 3), (0.0, 1 / 3)])
def test_thompson_draws_from_the_posterior(first_reward: float, again: float) -> None:
    # Two arms, one pulled once: P(Beta(2, 1) > Beta(1, 1)) = 2/3, and P(Beta(1, 2) > Beta(1, 1)) = 1/3.
    task = BarcodeBandit(arms=2, contexts=2, exposures=2, pulls=2, bits=3)
    played, _ = play("thompson", task, batch=2000)
    after = played.rewards[:, 0] == first_reward
    repeated = (played.actions[:, 1] == played.actions[:, 0])[after].float()
    assert repeated.mean().item() == pytest.approx(again, abs=5 * (2 / 9 / len(repeated)) ** 0.5)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "oracle"])
def test_ties_are_broken_evenly(name: str) -> None:
    played, _ = play(name, batch=1000)
    first = played.actions[0, 0]
    counts = torch.bincount(first, minlength=SMALL.arms)
    assert (counts - 250).abs().max() < 5 * (1000 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_block_is_played_the_same_way_again_and_no_generator_moves(name: str) -> None:
    one, _ = play(name)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    other, _ = play(name)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.actions, other.actions)
    assert torch.equal(one.rewards, other.rewards)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "oracle"])
def test_another_seed_brings_other_choices(name: str) -> None:
    _, spec = play(name)
    one, other = (play_block(PLAYERS[name], SMALL, spec._replace(seed=seed)) for seed in (1, 2))
    assert not torch.equal(one.actions, other.actions)


def test_choices_do_not_follow_the_luck() -> None:
    # One pull a block: there, one and the same stream of numbers for both would meet.
    task = BarcodeBandit(arms=2, contexts=1, exposures=1, pulls=1, bits=5, every_arm_best=False)
    blocks = [play("random", task, batch=1, seed=seed) for seed in range(400)]
    actions = torch.cat([played.actions.flatten() for played, _ in blocks])
    luck = torch.cat([task.luck(spec).flatten() for _, spec in blocks])
    correlation = torch.corrcoef(torch.stack([actions.float(), luck]))[0, 1].item()
    assert abs(correlation) < 5 / 400**0.5


def test_playing_leaves_the_block_as_it_was() -> None:
    spec = SMALL.draw_block(6, seed=3)
    before = [field.clone() for field in spec if isinstance(field, Tensor)]
    play_block(PLAYERS["ideal"], SMALL, spec)
    after = [field for field in spec if isinstance(field, Tensor)]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_players_are_listed_under_their_names() -> None:
    assert all(name == player.name for name, player in PLAYERS.items())
    assert [name for name, player in PLAYERS.items() if player.remembers] == ["ideal"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", NAMES)
def test_no_generator_of_a_cuda_device_moves(name: str, device: str) -> None:
    moved = SMALL.draw_block(6, seed=3).to(device)
    torch.cuda.manual_seed(123)
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    one, other = (play_block(PLAYERS[name], SMALL, moved) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])
    assert torch.equal(one.actions, other.actions)
