"""Kaiser's memory against the paper's rule, one query at a time, and against a loop over the batch."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.kaiser_memory import KaiserAnswer, KaiserMemory
from tests.episodic.memory.kaiser_oracle import ListKaiser
from tests.episodic.memory.memory_oracle import DEVICES

SIZE, KEY, NEIGHBOURS = 6, 4, 3


def build(device: str = "cpu", size: int = SIZE, neighbours: int = NEIGHBOURS, **options: Any) -> KaiserMemory:
    return KaiserMemory(size, KEY, neighbours, **options).double().to(device)


def slow(memory: KaiserMemory) -> ListKaiser:
    return ListKaiser(memory.memory_size, memory.neighbours, memory.margin, memory.temperature)


class Queries:
    """Noisy copies of one pattern for each label, some of them drawn again and again, unchanged."""

    def __init__(self, seed: int, labels: int = 4, noise: float = 0.7) -> None:
        self.source, self.noise = random.Random(seed), noise
        self.patterns = [[self.source.gauss(0.0, 1.0) for _ in range(KEY)] for _ in range(labels)]

    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        labels = [self.source.randrange(len(self.patterns)) for _ in range(batch)]
        noise = [self.noise if self.source.random() < 0.7 else 0.0 for _ in labels]
        rows = [
            [x + size * self.source.gauss(0.0, 1.0) for x in self.patterns[label]]
            for label, size in zip(labels, noise, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float64), torch.tensor(labels)


def assert_same_contents(memory: KaiserMemory, lists: ListKaiser) -> None:
    assert {slot for slot, taken in enumerate(memory.occupied.tolist()) if taken} == set(lists.items)
    for slot in range(memory.memory_size):
        item = lists.items.get(slot)
        assert int(memory.values[slot]) == (-1 if item is None else item.value)
        if item is not None:
            assert int(memory.ages[slot]) == item.age
            torch.testing.assert_close(memory.keys[slot].cpu(), torch.tensor(item.key, dtype=torch.float64))


def assert_same_answers(memory: KaiserMemory, lists: ListKaiser, query: Tensor) -> None:
    answer = memory(query.to(memory.keys.device))
    for row, one in enumerate(query.tolist()):
        label, confidence, similarity, slot = lists.answer(one)
        assert (int(answer.label[row]), int(answer.slot[row])) == (label, slot)
        assert float(answer.confidence[row]) == pytest.approx(confidence, abs=1e-4)
        assert float(answer.similarity[row]) == pytest.approx(similarity, abs=1e-5)


def play(memory: KaiserMemory, batch: int, steps: int, seed: int, update: Callable[[ListKaiser], Any]) -> None:
    """Ask, take the loss and learn, many times, in the memory and in the lists."""
    lists, queries, device = slow(memory), Queries(seed), memory.keys.device
    for _ in range(steps):
        query, label = queries.draw(batch)
        assert_same_answers(memory, lists, query)
        expected = lists.loss(query.tolist(), label.tolist())
        loss = memory.step(query.to(device), label.to(device))
        assert loss.item() == pytest.approx(expected, abs=1e-5)
        update(lists)(query.tolist(), label.tolist())
        assert_same_contents(memory, lists)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("neighbours", [1, NEIGHBOURS, SIZE])
@pytest.mark.parametrize("seed", range(3))
def test_one_query_at_a_time_follows_the_paper(seed: int, neighbours: int, device: str) -> None:
    def update(lists: ListKaiser) -> Callable[[Any, Any], None]:
        return lambda queries, labels: lists.update_one(queries[0], labels[0])

    play(build(device, neighbours=neighbours), batch=1, steps=60, seed=seed, update=update)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("size", "batch"), [(SIZE, 3), (SIZE, SIZE), (20, 5), (3, 7), (1, 4)])
@pytest.mark.parametrize("seed", range(2))
def test_batches_follow_the_loop(seed: int, size: int, batch: int, device: str) -> None:
    play(build(device, size), batch=batch, steps=25, seed=seed, update=lambda lists: lists.update_batch)


def test_the_two_oracles_agree_on_single_queries() -> None:
    one, many, queries = slow(build()), slow(build()), Queries(0)
    for _ in range(60):
        query, label = queries.draw(1)
        one.update_one(query[0].tolist(), int(label))
        many.update_batch(query.tolist(), label.tolist())
        assert one == many


@pytest.mark.parametrize("device", DEVICES)
def test_an_empty_memory_answers_nothing(device: str) -> None:
    answer = build(device)(torch.ones(2, KEY, device=device))
    expected = KaiserAnswer(*(torch.tensor([x, x]) for x in (-1, 0.0, float("-inf"), -1)))
    for part, right in zip(answer, expected, strict=True):
        assert part.tolist() == right.tolist()
    loss = build(device).loss(torch.ones(2, KEY, device=device), torch.zeros(2, dtype=torch.long, device=device))
    assert loss.item() == 0.0


def test_label_zero_is_a_label_like_any_other() -> None:
    memory = build()
    memory.update(torch.eye(KEY)[:1], torch.tensor([0]))
    memory.update(-torch.eye(KEY)[:1], torch.tensor([1]))
    answer = memory(torch.stack([torch.eye(KEY)[0], -torch.eye(KEY)[0]]))
    assert answer.label.tolist() == [0, 1]
    assert memory.occupied.sum() == 2


def test_the_confidence_has_the_papers_inverse_temperature() -> None:
    memory = KaiserMemory(3, 2)
    angles = torch.tensor([0.0, 0.2, 1.5])
    memory.update(torch.stack([angles.cos(), angles.sin()], dim=1), torch.arange(3))
    expected = torch.softmax(40 * angles.cos(), dim=0)[0]
    torch.testing.assert_close(memory(torch.tensor([[2.0, 0.0]])).confidence, expected.unsqueeze(0))


def test_several_right_queries_are_all_added_to_the_key() -> None:
    memory = build()
    memory.update(torch.eye(KEY)[:1], torch.tensor([5]))
    query = torch.eye(KEY)[[1, 0, 2]] + 2.0 * torch.eye(KEY)[0]
    memory.update(query, torch.tensor([5, 5, 5]))
    total = torch.eye(KEY)[0] + torch.nn.functional.normalize(query, dim=1).sum(dim=0)
    torch.testing.assert_close(memory.keys[0], (total / total.norm()).double())
    assert memory.occupied.tolist() == [True] + [False] * (SIZE - 1)


def test_a_slot_that_was_right_is_the_last_to_be_written_over() -> None:
    memory = build(size=2)
    memory.update(torch.eye(KEY)[:2], torch.tensor([0, 1]))
    memory.update(torch.eye(KEY)[:1], torch.tensor([0]))  # slot 1 is the oldest now
    memory.update(torch.eye(KEY)[[1, 2]], torch.tensor([1, 2]))  # but it is right again
    assert memory.values.tolist() == [2, 1]
    memory.update(torch.eye(KEY)[[0, 1, 3]], torch.tensor([7, 1, 8]))  # two to write, one slot that was not right
    assert memory.values.tolist() == [7, 8]


def test_of_too_many_wrong_queries_the_last_are_kept() -> None:
    memory = build(size=2)
    memory.update(torch.eye(KEY), torch.arange(KEY))
    assert sorted(memory.values.tolist()) == [KEY - 2, KEY - 1]


def test_a_sum_without_direction_leaves_the_key() -> None:
    memory = build(size=2)
    memory.update(torch.eye(KEY)[:1], torch.tensor([3]))
    memory.update(-torch.eye(KEY)[:1], torch.tensor([3]))
    assert memory.keys[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert memory.ages.tolist()[0] == 0


@pytest.mark.parametrize("neighbours", [1, 2, SIZE])
def test_the_nearest_key_of_the_right_label_is_found_beyond_the_neighbours(neighbours: int) -> None:
    memory = build(neighbours=neighbours)
    angles = torch.tensor([0.1, 0.2, 0.3, 1.0, 1.2])
    keys = torch.stack([angles.cos(), angles.sin(), 0 * angles, 0 * angles], dim=1)
    memory.update(keys, torch.tensor([1, 2, 3, 9, 9]))
    loss = memory.loss(torch.eye(KEY)[:1], torch.tensor([9]))
    expected = angles[0].double().cos() - angles[3].double().cos() + 0.1
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=0.0)


def test_a_query_whose_neighbours_are_all_right_counts_for_nothing() -> None:
    memory = build(neighbours=2)
    angles = torch.tensor([0.1, 0.2, 0.25])
    keys = torch.stack([angles.cos(), angles.sin(), 0 * angles, 0 * angles], dim=1)
    memory.update(keys, torch.tensor([1, 1, 2]))
    assert memory.loss(torch.eye(KEY)[:1], torch.tensor([1])).item() == 0.0
    # With one more neighbour there is a wrong one; the mean is over the queries that count.
    memory.neighbours = 3
    single = memory.loss(torch.eye(KEY)[:1], torch.tensor([1]))
    assert single.item() > 0.0
    both = memory.loss(torch.eye(KEY)[[0, 0]], torch.tensor([1, 77]))  # nothing has the label 77
    torch.testing.assert_close(both, single)


def test_the_loss_has_the_right_gradient_and_only_to_the_query() -> None:
    memory, queries = build(margin=0.5), Queries(3)
    for _ in range(4):
        memory.update(*queries.draw(3))
    query, label = queries.draw(6)
    query.requires_grad_()
    assert memory.loss(query, label).item() > 0.0
    assert torch.autograd.gradcheck(lambda at: memory.loss(at, label), query)
    assert not memory.keys.requires_grad


def test_the_gradient_survives_the_update() -> None:
    memory, queries = build(margin=0.5), Queries(3)
    for _ in range(4):
        memory.update(*queries.draw(3))
    query, label = queries.draw(6)
    query.requires_grad_()
    (expected,) = torch.autograd.grad(memory.loss(query, label), query)
    before = memory.keys.clone()
    loss = memory.step(query, label)
    assert not torch.equal(memory.keys, before)
    assert torch.equal(torch.autograd.grad(loss, query)[0], expected)
    assert expected.abs().max() > 0.0


def test_without_a_triplet_the_gradient_is_zero() -> None:
    query = torch.ones(2, KEY, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(build().step(query, torch.tensor([0, 1])), query)
    assert gradient.abs().max() == 0.0


@pytest.mark.parametrize("device", DEVICES)
def test_noise_decides_between_ages_and_comes_from_the_generator(device: str) -> None:
    def filled(age_noise: float, seed: int) -> list[int]:
        memory = build(device, size=4, age_noise=age_noise)
        generator = torch.Generator(device).manual_seed(seed)
        for label in range(5):  # each is wrong: the fifth goes over one of the four
            query = torch.randn(1, KEY, generator=torch.Generator().manual_seed(label)).to(device)
            memory.update(query, torch.tensor([label], device=device), generator)
        return [int(value) for value in memory.values]

    assert all(filled(0.45, seed) == [4, 1, 2, 3] for seed in range(20))  # ages differ by 1: noise cannot reverse them
    outcomes = [filled(50.0, seed) for seed in range(20)]
    assert {outcome.index(4) for outcome in outcomes} == {0, 1, 2, 3}
    assert outcomes == [filled(50.0, seed) for seed in range(20)]


def test_noise_spares_what_was_right_and_what_is_free_goes_first() -> None:
    for seed in range(20):
        memory, generator = build(size=3, age_noise=1000.0), torch.Generator().manual_seed(seed)
        memory.update(torch.eye(KEY)[:2], torch.tensor([0, 1]), generator)
        memory.update(torch.eye(KEY)[[2]], torch.tensor([2]), generator)
        assert memory.values.tolist() == [0, 1, 2]
        memory.update(torch.eye(KEY)[[0, 2, 3]], torch.tensor([0, 2, 3]), generator)
        assert memory.values.tolist() == [0, 3, 2]


def test_without_noise_nothing_is_drawn() -> None:
    state = torch.random.get_rng_state()
    build().update(torch.eye(KEY)[:2], torch.tensor([0, 1]))
    assert torch.equal(torch.random.get_rng_state(), state)
    build(age_noise=1.0).update(torch.eye(KEY)[:2], torch.tensor([0, 1]))
    assert not torch.equal(torch.random.get_rng_state(), state)


def test_state_dict_round_trip() -> None:
    saved, loaded, queries = build(), build(), Queries(1)
    for _ in range(10):
        saved.update(*queries.draw(2))
    loaded.load_state_dict(saved.state_dict())
    for _ in range(5):
        query, label = queries.draw(3)
        assert torch.equal(saved.step(query, label), loaded.step(query, label))
    for name, buffer in saved.named_buffers():
        assert torch.equal(buffer, loaded.get_buffer(name)), name


def test_reset_forgets_everything() -> None:
    memory = build()
    for _ in range(10):
        memory.update(*Queries(1).draw(2))
    memory.reset()
    for name, buffer in build().named_buffers():
        assert torch.equal(buffer, memory.get_buffer(name)), name


def test_no_queries_change_nothing() -> None:
    memory = build()
    memory.update(torch.eye(KEY)[:2], torch.tensor([0, 1]))
    before = {name: buffer.clone() for name, buffer in memory.named_buffers()}
    assert memory.step(torch.zeros(0, KEY), torch.zeros(0, dtype=torch.long)).item() == 0.0
    assert memory(torch.zeros(0, KEY)).label.shape == (0,)
    for name, buffer in memory.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_more_neighbours_than_slots_are_all_slots() -> None:
    assert KaiserMemory(5, KEY).neighbours == 5
    assert KaiserMemory(1000, KEY).neighbours == 256


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("memory_size", {"memory_size": 0}),
        ("key_size", {"key_size": -1}),
        ("neighbours", {"neighbours": 0}),
        ("margin", {"margin": -0.1}),
        ("margin", {"margin": float("nan")}),
        ("temperature", {"temperature": 0.0}),
        ("age_noise", {"age_noise": -1.0}),
    ],
)
def test_bad_options_are_named(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^{name} is .+") as error:
        KaiserMemory(**{"memory_size": SIZE, "key_size": KEY, **arguments})
    assert "\n" not in str(error.value)


LABELS = torch.zeros(2, dtype=torch.long)


@pytest.mark.parametrize(
    ("message", "query", "label"),
    [
        (r"query has shape \(2, 3\): it must be \[B, 4\]", torch.ones(2, 3), LABELS),
        (r"query has shape \(4,\)", torch.ones(KEY), LABELS[:1]),
        (r"query is of torch\.int64: it must be of a floating", torch.ones(2, KEY).long(), LABELS),
        (r"query holds NaN or infinite numbers", torch.ones(2, KEY) * float("nan"), LABELS),
        (r"query holds NaN or infinite numbers", torch.ones(2, KEY) / 0, LABELS),
        (r"label has shape \(3,\): it must be \(2,\)", torch.ones(2, KEY), torch.zeros(3, dtype=torch.long)),
        (r"label is of torch\.float32: it must be of torch\.int64", torch.ones(2, KEY), torch.zeros(2)),
        (r"label is -1 in a row: it must be 0 or more", torch.ones(2, KEY), LABELS - 1),
    ],
)
def test_bad_queries_are_named(message: str, query: Tensor, label: Tensor) -> None:
    memory = build()
    for call in (memory.loss, memory.update, memory.step):
        with pytest.raises(InputError, match="^" + message):
            call(query, label)
    assert memory.occupied.sum() == 0
    assert memory.ages.sum() == 0


def test_an_answer_checks_its_query_too() -> None:
    with pytest.raises(InputError, match=r"^query holds NaN or infinite numbers"):
        build()(torch.full((1, KEY), float("nan")))


def test_half_precision_is_converted() -> None:
    memory = build()
    memory.update(torch.eye(KEY)[:2].half(), LABELS + 3)
    assert memory(torch.eye(KEY)[:2].bfloat16()).label.tolist() == [3, 3]
