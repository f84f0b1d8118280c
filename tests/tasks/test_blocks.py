"""Block specifications: seeds, the order of contexts, and what depends on what."""

import itertools
from collections import Counter

import pytest
import torch
from torch import Tensor

from tasks.barcode_bandit import BarcodeBandit
from tasks.blocks import SPLITS, BlockSpec, block_seed, count_exposures, shuffled_bag

TASK = BarcodeBandit(arms=3, contexts=4, exposures=5, pulls=2, bits=5)


def tensors(spec: BlockSpec) -> list[Tensor]:
    return [field for field in spec if isinstance(field, Tensor)]


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
    assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))
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
    assert not torch.equal(one.contexts, other.contexts)
    assert not torch.equal(one.probabilities, other.probabilities)
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
            context = int(spec.contexts[episode, row])
            assert torch.equal(spec.arms(episode)[row], spec.probabilities[row, context])


def test_sizes() -> None:
    spec = draw()
    assert (spec.episodes, spec.batch_size) == (20, 3)
    assert spec.cues.shape == (20, 3, 5)
    assert spec.labels.shape == spec.contexts.shape == spec.exposures.shape == (20, 3)
    assert spec.probabilities.shape == (3, 4, 3)
