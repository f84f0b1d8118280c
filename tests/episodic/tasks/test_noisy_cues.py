"""The Bayes player of noisy cues against sums over all sequences of contexts, and against its limits."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks import PLAYERS, BarcodeBandit, BlockSpec, play_block
from episodic.tasks.barcodes.vocabulary import fixed_barcodes
from episodic.tasks.noisy_cues import FlipModel, InferredCodes, ListedCodes, bayes_rewards, resample
from episodic.tasks.noisy_cues import player as played
from episodic.tasks.noisy_cues.codes import CodeBelief, given_count
from episodic.tasks.players import random_argmax

TINY = BarcodeBandit(arms=3, contexts=2, exposures=2, pulls=4, bits=4, noise=0.25, every_arm_best=False)
Code = tuple[float, ...]


def likelihood(cue: Code, code: Code, task: BarcodeBandit, flips: str) -> float:
    """Probability of a cue, by carrying out every choice of bits to flip."""
    if flips == "independent":
        return math.prod(task.noise if a != b else 1 - task.noise for a, b in zip(cue, code, strict=True))
    total, orders = 0.0, list(itertools.permutations(range(task.bits), round(task.noise * task.bits)))
    for order in orders:
        noisy = [1 - bit if k in order else bit for k, bit in enumerate(code)]
        if order and not any(noisy):
            noisy[order[-1]] = 1.0
        total += tuple(noisy) == cue
    return total / len(orders)


def arm_posterior(
    task: BarcodeBandit,
    codebooks: list[list[Code]],
    cues: list[Code],
    outcomes: list[list[tuple[int, float]]],
    flips: str,
) -> list[float]:
    """Posterior of each arm to be best in the last episode: a sum over codebooks, orders of contexts and best arms."""
    totals = [0.0] * task.arms
    bag = [c for c in range(task.contexts) for _ in range(task.exposures)]
    orders = {order[: len(cues)] for order in itertools.permutations(bag)}
    for order in orders:
        weight, left = 1.0, [task.exposures] * task.contexts
        for context in order:
            weight *= left[context] / sum(left)
            left[context] -= 1
        seen = sum(
            math.prod(likelihood(cue, book[c], task, flips) for cue, c in zip(cues, order, strict=True))
            for book in codebooks
        )
        for best in itertools.product(range(task.arms), repeat=task.contexts):
            rewarded = 1.0
            for context, episode in zip(order, outcomes, strict=False):
                for arm, reward in episode:
                    p = task.best if arm == best[context] else task.rest
                    rewarded *= p if reward else 1 - p
            totals[best[order[-1]]] += weight * seen * rewarded
    return [total / sum(totals) for total in totals]


def codebooks(task: BarcodeBandit, spec: BlockSpec, b: int, known: str) -> list[list[Code]]:
    """The equally likely codes of the contexts, as far as the player knows."""
    if known == "block":
        clean, contexts = replace(task, noise=0.0).draw_block(spec.batch_size, spec.seed).cues, spec.rules.contexts
        first = [int((contexts[:, b] == c).long().argmax()) for c in range(task.contexts)]
        return [[tuple(clean[e, b].tolist()) for e in first]]
    assert task.vocabulary is not None
    listed = fixed_barcodes(task.vocabulary, task.bits, None, task.vocabulary_seed).tolist()
    return [list(map(tuple, book)) for book in itertools.permutations(listed, task.contexts)]


@pytest.mark.parametrize("flips", ["exact", "independent"])
@pytest.mark.parametrize(("known", "tolerance"), [("block", 1e-9), ("vocabulary", 0.1)])
def test_the_player_believes_what_a_sum_over_all_sequences_says(
    known: str, tolerance: float, flips: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is not exact, least of all with four codes for two contexts: codes are independent but at first."""
    task = replace(TINY, vocabulary=4) if known == "vocabulary" else TINY
    spec = task.draw_block(batch_size=3, seed=1)
    believed: list[Tensor] = []
    choose = random_argmax

    def recording(index: Tensor) -> Tensor:
        believed.append(index.softmax(dim=1))
        actions.append(choose(index))
        return actions[-1]

    actions: list[Tensor] = []
    monkeypatch.setattr(played, "random_argmax", recording)
    rewards = bayes_rewards(task, spec, known=known, flips=flips, particles=10_000)
    for b in range(spec.batch_size):
        cues: list[Code] = []
        outcomes: list[list[tuple[int, float]]] = []
        for e in range(spec.episodes):
            cues.append(tuple(spec.cues[e, b].tolist()))
            outcomes.append([])
            for t in range(task.pulls):
                pull = e * task.pulls + t
                if t in (0, task.pulls - 1):
                    expected = arm_posterior(task, codebooks(task, spec, b, known), cues, outcomes, flips)
                    assert believed[pull][b].tolist() == pytest.approx(expected, abs=tolerance)
                outcomes[-1].append((int(actions[pull][b]), float(rewards[e, t, b])))


@pytest.mark.parametrize("known", ["block", "vocabulary", "nothing"])
def test_without_noise_it_is_the_ideal_observer_pull_by_pull(known: str) -> None:
    task = BarcodeBandit(contexts=5, arms=5, exposures=4, vocabulary=20)
    spec = task.draw_block(batch_size=8, seed=3)
    assert torch.equal(bayes_rewards(task, spec, known=known, particles=8), task.ideal_rewards(spec))


def test_the_more_it_knows_the_more_it_earns() -> None:
    task = BarcodeBandit(contexts=5, arms=5, exposures=6, bits=8, noise=0.25, vocabulary=20)
    spec = task.draw_block(batch_size=48, seed=3)
    earned = [
        bayes_rewards(task, spec, known=known, particles=24).mean() for known in ("nothing", "vocabulary", "block")
    ]
    bounds = [play_block(PLAYERS[name], task, spec).rewards.mean() for name in ("ideal_without_memory", "ideal")]
    assert bounds[0] < earned[0] < earned[1] < earned[2] < bounds[1]


def test_half_of_all_bits_flipped_tell_nothing_to_a_player_that_takes_flips_as_independent() -> None:
    """Cues then change nothing; the player still knows the bag and the arms that paid earlier in the block."""
    task = replace(TINY, noise=0.5)
    spec = task.draw_block(batch_size=16, seed=3)
    other = spec._replace(cues=1 - spec.cues)
    one, same = (bayes_rewards(task, block, flips="independent", particles=1000) for block in (spec, other))
    assert torch.equal(one, same)
    once = replace(task, exposures=1)  # nothing returns, so that nothing is to be remembered
    spec = once.draw_block(batch_size=200, seed=3)
    earned = bayes_rewards(once, spec, flips="independent", particles=1000).mean()
    assert earned == pytest.approx(float(once.ideal_rewards(spec, memory=False).mean()), abs=0.04)


def test_bits_that_differ_are_found_as_a_sum_over_all_codes_says() -> None:
    differ = torch.tensor([0.1, 0.5, 0.9, 0.3, 0.7], dtype=torch.float64)
    for count in range(4):
        weights = {
            code: math.prod(p if bit else 1 - p for bit, p in zip(code, differ.tolist(), strict=True))
            for code in itertools.product((0, 1), repeat=5)
            if sum(code) == count
        }
        expected = [sum(w for code, w in weights.items() if code[k]) / sum(weights.values()) for k in range(5)]
        assert given_count(differ, count).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("flips", [None, 2])
def test_inferred_codes_agree_with_a_list_of_all_codes(flips: int | None) -> None:
    """For independent flips after each cue; for an exact number of flips after the first, later ones are projected."""
    bits, model = 6, FlipModel(rate=1 / 3, flips=flips)
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=bits)))
    models: list[CodeBelief] = [InferredCodes(1, bits, model), ListedCodes(1, every, model)]
    beliefs, counts, slot = [one.start(1) for one in models], torch.zeros(1, 1, 1).long(), torch.zeros(1, 1)
    cues = torch.tensor([[1, 0, 1, 0, 1, 1], [0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 0, 0]]).float()
    for cue in cues.unsqueeze(1):
        for number, one in enumerate(models):
            beliefs[number] = one.update(cue, beliefs[number], counts, slot.long()).unsqueeze(2)
        counts += 1
        exact = (beliefs[1].squeeze() @ every.double()).tolist()
        assert beliefs[0][0, 0, 0, :-1].tolist() == pytest.approx(exact, abs=1e-6)
        if flips is not None:
            break


def test_resampling_keeps_heavy_particles_and_the_expected_weight_of_light_ones() -> None:
    weight = torch.tensor([[0.5, 0.05, 0.3, 0.05, 0.02, 0.08, 0.0]], dtype=torch.float64)
    mean, draws = torch.zeros(7, dtype=torch.float64), 2000
    for uniform in torch.linspace(0, 1, draws + 1)[:-1].double():
        index, log_weight = resample(weight.log(), 4, uniform.view(1, 1))
        assert {0, 2} <= set(index[0].tolist())
        assert len(set(index[0].tolist())) == 4
        mean.index_add_(0, index[0], log_weight[0].exp() / draws)
    torch.testing.assert_close(mean, weight[0], atol=2e-3, rtol=0.0)
    index, log_weight = resample(torch.tensor([[-torch.inf, 0.0, -torch.inf]]).double(), 2, torch.zeros(1, 1).double())
    assert index[0, 0] == 1
    assert log_weight.exp().tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("task", "options", "complaint"),
    [
        (TINY, {"known": "all"}, "known is 'all'"),
        (TINY, {"known": "vocabulary"}, "the task's vocabulary is null"),
        (replace(TINY, order="urn"), {}, "order is 'urn'"),
        (replace(TINY, noise_kind="left"), {}, "noise_kind is 'left'"),
        (TINY, {"particles": 0}, "particles is 0"),
    ],
)
def test_what_the_player_does_not_know_is_refused(
    task: BarcodeBandit, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        bayes_rewards(task, task.draw_block(2, seed=0), **options)  # type: ignore[arg-type]
