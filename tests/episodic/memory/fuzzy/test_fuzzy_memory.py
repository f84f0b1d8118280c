"""The memory that is read through fuzzy clusters, against loops over what was written."""

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodic.errors import InputError
from episodic.memory.fuzzy.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.recall import Recall
from episodic.memory.stacks import Stacks
from tests.episodic.memory import fuzzy_oracle
from tests.episodic.memory.memory_oracle import DEVICES, similarity

CAPACITY, KEY, VALUE, BATCH, CLUSTERS = 8, 5, 3, 4, 3

Written = list[tuple[Tensor, Tensor, Tensor]]
Held = list[tuple[list[float], list[float], int]]  # keys, values and labels of one environment


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def build(device: str = "cpu", batch: int = BATCH, **options: Any) -> FuzzyMemory:
    memory = FuzzyMemory(CAPACITY, KEY, VALUE, **{"clusters": CLUSTERS, **options}).to(device)
    memory.reset(batch)
    return memory


def fill(memory: FuzzyMemory, writes: int, seed: int = 0) -> Written:
    """Write; gives back what was written, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    written = []
    for _ in range(writes):
        key, value = (torch.randn(BATCH, size, generator=generator) for size in (KEY, VALUE))
        written.append((key, value, torch.randint(0, 4, (BATCH,), generator=generator)))
        memory.write(*(part.to(memory.keys.device) for part in written[-1]))
    return written


def assert_same(one: Recall, other: Recall) -> None:
    for field, expected in zip(one, other, strict=True):
        torch.testing.assert_close(field, expected)


def unit(vector: list[float]) -> list[float]:
    length = fuzzy_oracle.distance(vector, [0.0] * len(vector))
    return [x / length for x in vector]


def read_slowly(
    memory: FuzzyMemory, held: Held, centres: list[list[float]], query: list[float]
) -> tuple[list[float], int, float, int]:
    """What one environment recalls, from the definition, given the centres."""
    place = unit if memory.kernel == "cosine" else list
    m = memory.fuzziness
    belonging = [fuzzy_oracle.membership(place(key), centres, m) for key, _, _ in held]
    of_query = fuzzy_oracle.membership(place(query), centres, m)
    nearest = max(range(len(centres)), key=lambda c: of_query[c])
    value = [0.0] * VALUE
    for c, share in enumerate(of_query):
        mean = fuzzy_oracle.weighted_mean([v for _, v, _ in held], [u[c] ** m for u in belonging])
        value = [total + share * x for total, x in zip(value, mean, strict=True)]
    votes: dict[int, float] = defaultdict(float)
    for u, (_, _, label) in zip(belonging, held, strict=True):
        votes[label] += u[nearest] ** m
    label = max(votes, key=lambda name: votes[name])
    return value, label, similarity(memory.kernel, query, centres[nearest]), nearest


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("writes", [4, CAPACITY, 2 * CAPACITY + 3])
@pytest.mark.parametrize("fuzziness", [1.2, 2.0])
@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_reads_equal_the_definition(kernel: str, fuzziness: float, writes: int, device: str) -> None:
    memory = build(device, kernel=kernel, fuzziness=fuzziness, tolerance=1e-6, max_iterations=300)
    written = fill(memory, writes)[-CAPACITY:]  # the oldest are gone
    query = draw(BATCH, KEY, seed=9)
    recall = Recall(*(part.cpu() for part in memory.read(query.to(device))))
    for row in range(BATCH):
        held = [(key[row].tolist(), value[row].tolist(), int(label[row])) for key, value, label in written]
        centres = memory.centres[row].tolist()
        value, label, near, cluster = read_slowly(memory, held, centres, query[row].tolist())
        torch.testing.assert_close(recall.value[row], torch.tensor(value), atol=1e-4, rtol=1e-4)
        assert (int(recall.label[row]), int(recall.slot[row])) == (label, cluster)
        assert float(recall.similarity[row]) == pytest.approx(near, abs=1e-5)
        # And the centres are those of a clustering: one more iteration leaves them where they are.
        keys = [unit(key) if kernel == "cosine" else key for key, _, _ in held]
        again = fuzzy_oracle.iterate(keys, centres, fuzziness)
        torch.testing.assert_close(torch.tensor(again), torch.tensor(centres), atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("match_above", [None, 0.99], ids=["by label", "by key"])
def test_reads_of_stacks_equal_the_definition(match_above: float | None, device: str) -> None:
    """One key a label, so that both ways of finding stacks give the same; keys and values are means."""
    stacks = Stacks(update="mean", match_above=match_above)
    memory = build(device, stacks=stacks, fuzziness=1.2, tolerance=1e-6, max_iterations=300)
    keys, values = draw(6, BATCH, KEY), draw(3, 6, BATCH, VALUE, seed=1)
    for visit in range(3):
        for label in range(6):
            parts = (keys[label], values[visit, label], torch.full((BATCH,), label))
            memory.write(*(part.to(device) for part in parts))
    assert memory.occupied.sum(dim=1).tolist() == [6] * BATCH
    query = draw(BATCH, KEY, seed=9)
    recall = Recall(*(part.cpu() for part in memory.read(query.to(device))))
    for row in range(BATCH):
        held = [(keys[i, row].tolist(), values[:, i, row].mean(dim=0).tolist(), i) for i in range(6)]
        centres = memory.centres[row].tolist()
        value, label, near, cluster = read_slowly(memory, held, centres, query[row].tolist())
        torch.testing.assert_close(recall.value[row], torch.tensor(value), atol=1e-4, rtol=1e-4)
        assert (int(recall.label[row]), int(recall.slot[row])) == (label, cluster)
        assert float(recall.similarity[row]) == pytest.approx(near, abs=1e-5)


def test_a_new_stack_replaces_the_least_recently_written_one() -> None:
    memory = build(stacks=Stacks())
    assert memory.by_label
    for label in (*range(CAPACITY), 0, CAPACITY):
        memory.write(draw(BATCH, KEY, seed=label), draw(BATCH, VALUE), torch.full((BATCH,), label))
        memory.read(draw(BATCH, KEY, seed=1))
    assert sorted(memory.labels[0].tolist()) == [0, *range(2, CAPACITY + 1)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_a_query_with_a_nan_recalls_nothing(kernel: str, device: str) -> None:
    memory = build(device, kernel=kernel)
    fill(memory, writes=6)
    query = draw(BATCH, KEY).to(device)
    whole = memory.read(query)
    query[1, 2] = float("nan")
    recall = memory.read(query)
    assert recall.value[1].tolist() == [0.0] * VALUE
    assert recall.label[1].item() == recall.slot[1].item() == -1
    rest = [0, 2, 3]
    assert_same(Recall(*(part[rest] for part in recall)), Recall(*(part[rest] for part in whole)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [1.0, 1.05, 2.0])
@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_one_memory_is_given_back_to_any_query(kernel: str, fuzziness: float, device: str) -> None:
    memory = build(device, kernel=kernel, fuzziness=fuzziness)
    key, value = draw(BATCH, KEY).to(device), draw(BATCH, VALUE, seed=1).to(device)
    memory.write(key, value, torch.arange(BATCH, device=device))
    for query in (key, draw(BATCH, KEY, seed=2).to(device)):
        recall = memory.read(query)
        torch.testing.assert_close(recall.value, value)
        assert recall.label.tolist() == list(range(BATCH))
        assert recall.slot.tolist() == [0] * BATCH
    highest = 1.0 if kernel == "cosine" else 0.0
    torch.testing.assert_close(memory.read(key).similarity, torch.full((BATCH,), highest, device=device))


@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_two_memories_with_more_clusters_are_both_given_back(kernel: str) -> None:
    memory = build(kernel=kernel)
    keys, values = torch.eye(KEY)[:2], draw(2, VALUE)
    for label in (0, 1):
        memory.write(keys[label].expand(BATCH, -1), values[label].expand(BATCH, -1), torch.full((BATCH,), label))
    for label in (0, 1):
        recall = memory.read(keys[label].expand(BATCH, -1))
        torch.testing.assert_close(recall.value, values[label].expand(BATCH, -1))
        assert recall.label.tolist() == [label] * BATCH


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_a_read_near_a_group_gives_the_groups_mean(kernel: str, device: str) -> None:
    memory = FuzzyMemory(30, KEY, VALUE, clusters=3, fuzziness=1.2, kernel=kernel).to(device)
    memory.reset(BATCH)
    values = draw(30, BATCH, VALUE, seed=1).to(device)
    for time in range(30):
        key = torch.eye(KEY)[time % 3] + 0.05 * draw(BATCH, KEY, seed=time)
        label = time % 3 if time % 9 > 2 else 7  # one in three has a label of another kind
        memory.write(key.to(device), values[time], torch.full((BATCH,), label, device=device))
    for group in range(3):
        recall = memory.read((torch.eye(KEY)[group] + 0.05 * draw(BATCH, KEY, seed=99)).to(device))
        torch.testing.assert_close(recall.value, values[group::3].mean(dim=0), atol=0.02, rtol=0.0)
        assert recall.label.tolist() == [group] * BATCH


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threshold", [None, -0.5])
@pytest.mark.parametrize("loaded", [False, True], ids=["reset", "loaded"])
def test_an_empty_memory_recalls_nothing(loaded: bool, threshold: float | None, device: str) -> None:
    memory = build(device, kernel="l2", threshold=threshold)
    if loaded:
        memory.load_state_dict(build(device).state_dict())
    recall = memory.read(torch.ones(BATCH, KEY, device=device))
    assert recall.value.tolist() == [[0.0] * VALUE] * BATCH
    assert recall.label.tolist() == recall.slot.tolist() == [-1] * BATCH
    assert recall.similarity.tolist() == [float("-inf")] * BATCH


def test_what_is_below_the_threshold_is_not_recalled_but_its_similarity_is_told() -> None:
    memory = build(threshold=0.9)
    memory.write(torch.eye(KEY)[:BATCH], torch.ones(BATCH, VALUE), torch.arange(BATCH))
    query = torch.eye(KEY)[:BATCH]
    query[1:, 4] = 1.0  # 45 degrees away
    recall = memory.read(query)
    assert recall.label.tolist() == [0, -1, -1, -1]
    assert recall.slot.tolist() == [0, -1, -1, -1]
    assert recall.value.sum(1).tolist() == [VALUE, 0.0, 0.0, 0.0]
    torch.testing.assert_close(recall.similarity, torch.tensor([1.0] + [0.5**0.5] * 3))


@pytest.mark.parametrize(("kernel", "highest"), [("cosine", 1.0), ("l2", 0.0)])
def test_the_highest_threshold_recalls_the_very_same_key(kernel: str, highest: float) -> None:
    # Long enough that the lengths of some keys round.
    keys = torch.randint(0, 2, (200, 50), generator=torch.Generator().manual_seed(0)).float()
    labels = torch.arange(200)
    memory = FuzzyMemory(CAPACITY, 50, VALUE, clusters=CLUSTERS, kernel=kernel, threshold=highest)
    memory.reset(200)
    memory.write(keys, torch.ones(200, VALUE), labels)
    assert memory.read(keys).label.tolist() == labels.tolist()
    assert memory.read(keys.roll(1, dims=0)).label.tolist() == [-1] * 200


def test_rows_are_independent() -> None:
    memories = [build(), build()]
    written = fill(memories[0], writes=6)
    for key, value, label in written:
        memories[1].write(*(torch.cat([part[:1], 9 - part[1:2], part[2:]]) for part in (key, value, label)))
    one, other = (memory.read(draw(BATCH, KEY, seed=5)) for memory in memories)
    rest = [0, 2, 3]
    assert_same(Recall(*(part[rest] for part in one)), Recall(*(part[rest] for part in other)))
    assert not torch.equal(one.value[1], other.value[1])


def test_the_order_of_reads_and_global_randomness_do_not_matter() -> None:
    one, other = build(), build()
    fill(one, writes=5)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    one.read(draw(BATCH, KEY))
    assert torch.equal(torch.random.get_rng_state(), state)
    fill(one, writes=3, seed=1)
    torch.manual_seed(2)
    fill(other, writes=5)
    fill(other, writes=3, seed=1)
    assert_same(one.read(draw(BATCH, KEY)), other.read(draw(BATCH, KEY)))


def test_clusters_are_looked_for_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return fuzzy_c_means(*args, **options)

    monkeypatch.setattr("episodic.memory.fuzzy.fuzzy_memory.fuzzy_c_means", counted)
    memory = build()
    memory.read(draw(BATCH, KEY))
    assert len(calls) == 0
    fill(memory, writes=3)
    assert len(calls) == 0
    memory.read(draw(BATCH, KEY))
    memory.read(draw(BATCH, KEY))
    assert memory.centres.abs().sum() > 0
    assert len(calls) == 1
    fill(memory, writes=1)
    memory.reset(BATCH)
    memory.read(draw(BATCH, KEY))
    assert len(calls) == 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch_before", [None, 1, BATCH])
@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize("stacks", [None, Stacks(update="mean")], ids=["append", "stacks"])
def test_state_dict_round_trip(stacks: Stacks | None, read_before: bool, batch_before: int | None, device: str) -> None:
    saved, loaded = build(device, stacks=stacks), build(device, batch=0, stacks=stacks)
    fill(saved, writes=11)
    query = draw(BATCH, KEY).to(device)
    if read_before:
        saved.read(query)
    if batch_before is not None:
        loaded.reset(batch_before)
    nn.ModuleDict({"memory": loaded}).load_state_dict(nn.ModuleDict({"memory": saved}).state_dict())
    assert torch.equal(saved.centres, loaded.centres)
    for name, buffer in saved.named_buffers():
        assert torch.equal(buffer, loaded.get_buffer(name)), name
    assert_same(saved.read(query), loaded.read(query))
    for memory in (saved, loaded):
        fill(memory, writes=2, seed=1)
    assert_same(saved.read(query), loaded.read(query))


@pytest.mark.parametrize("batch", [BATCH, 2])
def test_reset_forgets_everything(batch: int) -> None:
    memory, fresh = build(), build(batch=batch)
    fill(memory, writes=7)
    memory.read(draw(BATCH, KEY))
    memory.reset(batch)
    memory.read(draw(batch, KEY))
    for name, buffer in fresh.named_buffers():
        assert torch.equal(buffer, memory.get_buffer(name)), name


def test_reset_to_nothing_gives_the_storage_back() -> None:
    memory = build()
    fill(memory, writes=3)
    memory.reset(0)
    assert sum(buffer.numel() for buffer in memory.buffers()) == 0


def test_a_write_needs_no_label_and_takes_returns() -> None:
    memory = build()
    memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE), returns=torch.ones(BATCH))
    assert memory.read(torch.ones(BATCH, KEY)).label.tolist() == [0] * BATCH  # the slot's number


@pytest.mark.parametrize("kernel", ["cosine", "l2"])
def test_the_query_gets_its_gradient_even_after_a_write(kernel: str) -> None:
    memory = build(kernel=kernel).double()
    for part in fill(build(kernel=kernel), writes=6):
        memory.write(part[0].double(), part[1].double(), part[2])
    query = draw(BATCH, KEY, seed=3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: memory.read(at).value, query)
    value = memory.read(query).value.sum()
    (expected,) = torch.autograd.grad(value, query, retain_graph=True)
    memory.write(*(torch.ones(BATCH, size).double() for size in (KEY, VALUE)))
    memory.read(query)
    assert torch.equal(torch.autograd.grad(value, query)[0], expected)


def test_writing_leaves_no_gradient_behind() -> None:
    memory = build()
    memory.write(torch.ones(BATCH, KEY, requires_grad=True), torch.ones(BATCH, VALUE, requires_grad=True))
    assert not memory.read(torch.ones(BATCH, KEY)).value.requires_grad


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kernel", {"kernel": "l1"}),
        ("clusters", {"clusters": CAPACITY + 1}),
        ("clusters", {"clusters": 0}),
        ("fuzziness", {"fuzziness": 0.9}),
        ("tolerance", {"tolerance": 0.0}),
        ("max_iterations", {"max_iterations": 0}),
        ("threshold", {"threshold": 1.5}),
        ("capacity", {"capacity": 0}),
        ("match_above", {"stacks": Stacks(match_above=0.5), "kernel": "l2"}),
    ],
)
def test_bad_input_is_named(name: str, arguments: dict[str, Any]) -> None:
    sizes = {"capacity": CAPACITY, "key_size": KEY, "value_size": VALUE, "clusters": CLUSTERS}
    with pytest.raises(InputError, match=rf"^{name} is .+") as error:
        FuzzyMemory(**{**sizes, **arguments})
    assert "\n" not in str(error.value)
