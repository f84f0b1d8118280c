"""Block specifications: seeds, the order of contexts, and what depends on what."""

import itertools
import random
from collections import Counter

import pytest
import torch

from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import (
    SPLITS,
    BlockSpec,
    blackwell_macqueen_urn,
    block_seed,
    count_exposures,
    seeded,
    shuffled_bag,
)
from tests.blocks import tensors

TASK = BarcodeBandit(arms=3, contexts=4, exposures=5, pulls=2, bits=5)


def draw(seed: int = 1, split: str = "train", rank: int = 0, index: int = 0) -> BlockSpec:
    return TASK.draw_block(3, block_seed(seed, split, rank, index))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_same_arguments_give_the_same_block_whatever_happened_before() -> None:
    one = draw(5, "val", 1, 7)
    torch.rand(3)
    draw(9)
    other = draw(5, "val", 1, 7)
    assert one.seed == other.seed
    assert all(torch.equal(a, b) for a, b in zip(tensors(one).values(), tensors(other).values(), strict=True))
    assert torch.equal(TASK.luck(one), TASK.luck(other))


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    TASK.luck(draw())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "other",
    [
        draw(seed=2),
        draw(split="val"),
        draw(split="test"),
        draw(split="predict"),
        draw(rank=1),
        draw(index=1),
    ],
    ids=["seed", "val", "test", "predict", "rank", "index"],
)
def test_any_other_argument_gives_another_block(other: BlockSpec) -> None:
    one = draw()
    assert not torch.equal(one.cues, other.cues)
    assert not torch.equal(one.rules.contexts, other.rules.contexts)
    assert not torch.equal(one.rules.probabilities, other.rules.probabilities)
    assert not torch.equal(TASK.luck(one), TASK.luck(other))


def test_seeds_are_distinct_and_in_range() -> None:
    arguments = itertools.product(range(4), SPLITS, range(4), range(30))
    seeds = [block_seed(*one) for one in arguments]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError):
        block_seed(0, "training", 0, 0)


def test_the_luck_is_not_what_the_block_was_drawn_with() -> None:
    # Else who is lucky would depend on which context comes when, and on which arm is best.
    spec = draw()
    first_drawn = torch.rand(200, generator=generator(spec.seed))
    shared = torch.isin(TASK.luck(spec), first_drawn).float().mean().item()
    assert shared < 0.05


@pytest.mark.parametrize(("contexts", "copies"), [(1, 1), (1, 5), (4, 1), (4, 6)])
def test_a_bag_holds_each_context_so_many_times(contexts: int, copies: int) -> None:
    for row in shuffled_bag(8, contexts, copies, generator()).tolist():
        assert Counter(row) == dict.fromkeys(range(contexts), copies)


def test_every_order_of_a_bag_is_equally_likely() -> None:
    rows = shuffled_bag(6000, 2, 2, generator()).tolist()
    counts = Counter(map(tuple, rows))
    assert len(counts) == 6  # 4! / (2! 2!)
    assert all(abs(count - 1000) < 5 * 1000**0.5 for count in counts.values())


def urn_law(sequence: tuple[int, ...], contexts: int, concentration: float) -> float:
    """Probability of a sequence, from the urn's rule, draw by draw."""
    probability = 1.0
    for n, context in enumerate(sequence):
        met = sequence[:n].count(context)
        probability *= (concentration / contexts + met) / (concentration + n)
    return probability


def plain_urn(contexts: int, draws: int, concentration: float, source: random.Random) -> list[int]:
    """The urn with its balls in a list."""
    balls: list[int] = []
    for n in range(draws):
        new = source.random() * (concentration + n) < concentration
        balls.append(source.randrange(contexts) if new else source.choice(balls))
    return balls


@pytest.mark.parametrize(("contexts", "draws", "concentration"), [(2, 4, 1.0), (3, 3, 0.3), (2, 3, 5.0), (1, 4, 1.0)])
def test_every_order_of_an_urn_is_as_likely_as_its_law_says(contexts: int, draws: int, concentration: float) -> None:
    rows = blackwell_macqueen_urn(20000, contexts, draws, concentration, generator()).tolist()
    counts = Counter(map(tuple, rows))
    for sequence in itertools.product(range(contexts), repeat=draws):
        p = urn_law(sequence, contexts, concentration)
        assert counts[sequence] / 20000 == pytest.approx(p, abs=5 * (p * (1 - p) / 20000) ** 0.5 + 1e-12)
    assert sum(counts.values()) == 20000


@pytest.mark.parametrize("concentration", [0.5, 1.0, 10.0])
def test_an_urn_draws_as_a_list_of_balls_does(concentration: float) -> None:
    contexts, draws, source = 6, 30, random.Random(0)
    rows = blackwell_macqueen_urn(3000, contexts, draws, concentration, generator()).tolist()
    plain = [plain_urn(contexts, draws, concentration, source) for _ in range(3000)]
    for measure in (
        lambda row: len(set(row)),  # contexts that occur
        lambda row: max(Counter(row).values()),  # how often the commonest does
        lambda row: sum(one == other for one, other in itertools.pairwise(row)),  # at once again
        lambda row: row.count(row[0]),  # the first one
        lambda row: row[20:].count(row[19]),  # a late one
    ):
        one, other = (torch.tensor([measure(row) for row in found]).double() for found in (rows, plain))
        error = ((one.var() + other.var()) / 3000).sqrt()
        assert abs(one.mean() - other.mean()) < 5 * error + 1e-12


def test_all_contexts_of_an_urn_are_equally_likely_at_every_draw() -> None:
    rows = blackwell_macqueen_urn(8000, 4, 12, 0.7, generator())
    for draw_number in range(12):
        counts = torch.bincount(rows[:, draw_number], minlength=4)
        assert (counts - 2000).abs().max() < 5 * 1500**0.5


def test_a_small_concentration_repeats_the_first_context_and_a_great_one_draws_each_anew() -> None:
    rows = blackwell_macqueen_urn(50, 5, 100, 1e-300, generator())
    assert (rows == rows[:, :1]).all()
    rows = blackwell_macqueen_urn(2000, 5, 10, 1e300, generator())
    again = (rows[:, 1:] == rows[:, :-1]).double().mean().item()
    assert again == pytest.approx(0.2, abs=5 * (0.16 / 18000) ** 0.5)


def test_the_streams_of_a_seed_are_unrelated() -> None:
    first = [torch.rand(1000, generator=seeded(7, stream)) for stream in range(6)]
    for one, other in itertools.combinations(first, 2):
        assert torch.isin(one, other).float().mean() < 0.05


def test_exposures_are_counted_as_by_a_loop() -> None:
    contexts = torch.randint(5, (6, 40), generator=generator())
    counted = count_exposures(contexts).tolist()
    for row, found in zip(contexts.tolist(), counted, strict=True):
        seen: Counter[int] = Counter()
        for context, exposure in zip(row, found, strict=True):
            seen[context] += 1
            assert exposure == seen[context]


def test_arms_are_those_of_the_context_at_hand() -> None:
    spec = draw()
    for episode in range(spec.episodes):
        for row in range(spec.batch_size):
            context = int(spec.rules.contexts[episode, row])
            assert torch.equal(spec.rules.arms(episode)[row], spec.rules.probabilities[row, context])


def test_sizes() -> None:
    spec = draw()
    assert (spec.episodes, spec.batch_size) == (20, 3)
    assert spec.cues.shape == (20, 3, 5)
    assert spec.labels.shape == spec.rules.contexts.shape == spec.exposures.shape == (20, 3)
    assert spec.rules.probabilities.shape == (3, 4, 3)
