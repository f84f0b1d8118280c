"""The Bayesian read against Bayes' rule over whole codes, bit by bit, and as a weighting of the memory."""

import itertools
import math

import pytest
import torch

from episodic.errors import InputError
from episodic.memory import EpisodicMemory, Neighbours, StackMemory
from episodic.memory.flip_posterior import flip_posterior

BITS = 4
Code = tuple[int, ...]
CODES: list[Code] = list(itertools.product((0, 1), repeat=BITS))


def likelihood(seen: Code, code: Code, flip: float) -> float:
    return math.prod(flip if one != other else 1 - flip for one, other in zip(seen, code, strict=True))


def posterior(query: Code, keys: list[Code], flip: float) -> list[float]:
    """Probability of each key to be of the query's context, by summing over all codes."""
    joint = []
    for key in keys:
        together = sum(likelihood(query, code, flip) * likelihood(key, code, flip) for code in CODES) / len(CODES)
        alone = sum(likelihood(key, code, flip) for code in CODES) / len(CODES)
        joint.append(together / alone)
    new = sum(likelihood(query, code, flip) for code in CODES) / len(CODES)
    return [one / (sum(joint) + new) for one in joint]


@pytest.mark.parametrize("kernel", ["l1", "l2"])
@pytest.mark.parametrize("flip", [0.05, 0.2, 0.4, 0.5])
def test_a_read_mixes_values_by_the_posterior(flip: float, kernel: str) -> None:
    keys = [CODES[index] for index in (1, 3, 3, 12, 15)]
    memory = EpisodicMemory(
        8, BITS, len(keys), kernel=kernel, neighbours=8, weighting="posterior", flip_probability=flip
    )
    memory.reset(batch_size=len(CODES))
    for number, key in enumerate(keys):
        value = torch.eye(len(keys))[number].expand(len(CODES), -1)
        memory.write(torch.tensor([key], dtype=torch.float).expand(len(CODES), -1), value)
    weights = memory.read(torch.tensor(CODES, dtype=torch.float)).value
    expected = torch.tensor([posterior(query, keys, flip) for query in CODES])
    torch.testing.assert_close(weights, expected, atol=1e-5, rtol=1e-4)


def test_without_flips_the_exact_key_alone_counts_and_with_half_of_them_nothing_is_known() -> None:
    distance, chosen = torch.tensor([[0.0, 1.0, 4.0]]), torch.ones(1, 3, dtype=torch.bool)
    exact = flip_posterior(distance, chosen, 30, 0.0)
    torch.testing.assert_close(exact, torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(flip_posterior(distance, chosen, 30, 0.5), torch.full((1, 3), 0.25))


def test_weights_have_a_gradient_and_memories_that_are_not_chosen_none() -> None:
    chosen = torch.tensor([[True, True, False]])
    distance = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda at: flip_posterior(at, chosen, 6, 0.2), distance)
    flip_posterior(distance, chosen, 6, 0.2)[:, 0].sum().backward()
    assert distance.grad is not None
    assert distance.grad[0, 2] == 0


def test_an_empty_memory_recalls_nothing() -> None:
    memory = EpisodicMemory(3, BITS, 2, kernel="l1", neighbours=2, weighting="posterior")
    memory.reset(batch_size=1)
    assert not memory.read(torch.ones(1, BITS)).value.any()


def test_stacks_are_weighed_too() -> None:
    memory = StackMemory(3, BITS, 1, kernel="l1", neighbours=Neighbours(3, "posterior", flip_probability=0.1))
    memory.reset(batch_size=1)
    memory.write(torch.ones(1, BITS), torch.ones(1, 1), torch.tensor([2]))
    [expected] = posterior((1, 1, 1, 1), [(1, 1, 1, 1)], 0.1)
    assert memory.read(torch.ones(1, BITS)).value.item() == pytest.approx(expected)


def test_nothing_is_recalled_where_the_query_is_most_probably_new() -> None:
    memory = EpisodicMemory(3, 20, 1, kernel="l1", neighbours=3, weighting="posterior", flip_probability=0.1)
    memory.reset(batch_size=2)
    code = torch.arange(20).remainder(2).float()
    memory.write(code.expand(2, -1), torch.ones(2, 1), torch.tensor([7, 7]))
    recall = memory.read(torch.stack([code, 1 - code]))
    assert recall.label.tolist() == [7, -1]
    assert recall.slot.tolist() == [0, -1]
    assert recall.value[0] > 0.99
    assert recall.value[1] < 0.01


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"flip_probability": 0.6}, r"flip_probability is 0\.6: it must lie between 0 and 0\.5"),
        ({"kernel": "cosine"}, "weighting is 'posterior' with kernel cosine"),
        ({"neighbours": 1}, "weighting is 'posterior' with neighbours 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], complaint: str) -> None:
    settings = {"kernel": "l1", "neighbours": 3, "weighting": "posterior", **options}
    with pytest.raises(InputError, match=complaint):
        EpisodicMemory(5, BITS, 1, **settings)  # type: ignore[arg-type]
