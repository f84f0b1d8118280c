"""The weights of the nearest memories, and the gradient that a query and its learned projection get through them."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.nearest_memory import NearestMemory
from episodic.memory.stack_memory import StackMemory
from episodic.memory.weights import WEIGHTINGS, Neighbours, neighbour_weights
from tests.episodic.memory.memory_oracle import DEVICES, shares

ROWS, NEIGHBOURS = 40, 4
SLOTS, KEY, VALUE, BATCH = 7, 4, 3, 5
KERNELS = ("cosine", "l2", "l1")
SHARES = ("softmax", "inverse_distance")  # weights that sum to 1; see also test_flip_posterior.py
THRESHOLDS = {"cosine": 0.1, "l2": -2.5, "l1": -4.5}  # leaves some queries several neighbours, some one, some none


def neighbours(kernel: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Similarities `[ROWS, NEIGHBOURS]`, `-inf` where nothing is stored, and which are recalled: all, some or none."""
    generator = torch.Generator().manual_seed(0)
    similarity = torch.rand(ROWS, NEIGHBOURS, generator=generator, dtype=dtype)
    similarity = 2 * similarity - 1 if kernel == "cosine" else -4 * similarity
    similarity = similarity.sort(dim=1, descending=True).values
    count = torch.arange(ROWS).unsqueeze(1) % (NEIGHBOURS + 1)
    chosen = torch.arange(NEIGHBOURS) < count
    stored = torch.arange(NEIGHBOURS) < count + torch.arange(ROWS).unsqueeze(1) % 2  # or too far to be recalled
    return similarity.masked_fill(~stored, float("-inf")), chosen


def test_these_are_all_the_weightings() -> None:
    assert set(WEIGHTINGS) == {*SHARES, "posterior"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("temperature", [1.0, 0.1, 5.0])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("weighting", SHARES)
def test_weights_equal_their_definition(weighting: str, kernel: str, temperature: float, device: str) -> None:
    similarity, chosen = neighbours(kernel)
    found = neighbour_weights(
        similarity.to(device), chosen.to(device), weighting, kernel=kernel, temperature=temperature
    ).tolist()
    for weights, near, recalled in zip(found, similarity.tolist(), chosen.tolist(), strict=True):
        count = sum(recalled)
        expected = shares(weighting, kernel, near[:count], temperature) if count else []
        assert weights[:count] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert weights[count:] == [0.0] * (NEIGHBOURS - count)
        assert count == 0 or sum(weights) == pytest.approx(1.0)


def test_inverse_distance_under_cosine_goes_by_the_distance_on_the_unit_sphere() -> None:
    vectors = torch.randn(1 + NEIGHBOURS, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    query, *keys = torch.nn.functional.normalize(vectors, dim=-1)
    similarity = torch.stack([query @ key for key in keys]).unsqueeze(0)
    raw = torch.stack([1 / ((query - key).square().sum() + 0.001) for key in keys])
    found = neighbour_weights(similarity, similarity > -2, "inverse_distance", kernel="cosine")
    torch.testing.assert_close(found[0], raw / raw.sum())


def test_temperature_goes_from_the_nearest_alone_to_all_alike() -> None:
    similarity, chosen = torch.tensor([[0.9, 0.8, 0.1, -0.5]]), torch.tensor([[True, True, True, False]])

    def weights(temperature: float) -> Tensor:
        return neighbour_weights(similarity, chosen, "softmax", kernel="cosine", temperature=temperature)

    torch.testing.assert_close(weights(1e-3), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(weights(1e6), torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0.0]]))


@pytest.mark.parametrize(("kernel", "highest"), [("cosine", 1.0), ("cosine", 1.0000001), ("l2", 0.0), ("l1", 0.0)])
def test_an_exact_match_takes_nearly_all_the_weight_of_inverse_distance(kernel: str, highest: float) -> None:
    similarity, chosen = torch.tensor([[highest, highest - 1.0]]), torch.ones(1, 2, dtype=torch.bool)
    weights = neighbour_weights(similarity, chosen, "inverse_distance", kernel=kernel)
    square = 2.0 if kernel == "cosine" else 1.0
    expected = [(square + 0.001) / (square + 0.002), 0.001 / (square + 0.002)]
    torch.testing.assert_close(weights, torch.tensor([expected]), atol=0.0, rtol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("weighting", SHARES)
def test_weights_have_the_gradient_of_their_definition(weighting: str, kernel: str) -> None:
    similarity, chosen = neighbours(kernel, torch.float64)

    def weights(at: Tensor) -> Tensor:
        return neighbour_weights(at, chosen, weighting, kernel=kernel, temperature=0.7)

    finite = similarity.masked_fill(similarity.isinf(), -0.5).requires_grad_()  # no differences about infinity
    assert torch.autograd.gradcheck(weights, finite)
    similarity.requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        (gradient,) = torch.autograd.grad(weights(similarity)[:, 0].sum(), similarity)
    torch.testing.assert_close(gradient, torch.autograd.grad(weights(finite)[:, 0].sum(), finite)[0])
    assert (gradient[~chosen] == 0).all()
    assert (gradient[chosen.sum(dim=1) > 1, 0] != 0).all()


def build(device: str = "cpu", **options: Any) -> NearestMemory:
    """An empty memory in double precision that looks at three neighbours."""
    options = {"neighbours": 3, **options}
    if options.pop("stacks", False):
        mixing = {name: options.pop(name) for name in ("weighting", "learned_query")}
        mixture = Neighbours(options.pop("neighbours"), **mixing)
        memory: NearestMemory = StackMemory(SLOTS, KEY, VALUE, neighbours=mixture, **options)
    else:
        memory = EpisodicMemory(SLOTS, KEY, VALUE, **options)
    memory.to(device)
    memory.reset(BATCH)
    return memory.double()


def projected(device: str = "cpu", writes: int = SLOTS, **options: Any) -> NearestMemory:
    """A memory that has learned some projection of the query."""
    memory = build(device, learned_query=True, **options)
    turn = torch.randn(KEY, KEY, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        projection(memory).add_(turn.to(device), alpha=0.5)
    for count, (key, value) in enumerate(drawings(writes, device)):
        memory.write(key, value, torch.full((BATCH,), count, device=device))
    return memory


def projection(memory: NearestMemory) -> Tensor:
    assert memory.query_projection is not None
    return memory.query_projection.weight


def drawings(count: int, device: str, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        both = torch.randn(BATCH, KEY + VALUE, generator=generator, dtype=torch.float64).to(device)
        yield both[:, :KEY], both[:, KEY:]


def some_query(device: str = "cpu") -> Tensor:
    return next(drawings(1, device, seed=11))[0].clone().requires_grad_()


def dense_read(memory: NearestMemory, query: Tensor, weighting: str, temperature: float) -> Tensor:
    """The value of a read by plain operations over all that is stored, without any choice of slots."""
    directed, keys = (query @ projection(memory).T).unsqueeze(1), memory.keys.detach().clone()
    if memory.kernel == "cosine":
        near = (directed * keys).sum(dim=-1) / (directed.square().sum(dim=-1).sqrt() * keys.square().sum(dim=-1).sqrt())
    elif memory.kernel == "l2":
        near = -(directed - keys).square().sum(dim=-1).sqrt()
    else:
        near = -(directed - keys).abs().sum(dim=-1)
    recalled = near >= near.sort(dim=1, descending=True).values[:, [memory.neighbours - 1]]
    if memory.threshold is not None:
        recalled &= near >= memory.threshold
    squared = 2 - 2 * near if memory.kernel == "cosine" else near**2
    raw = (near / temperature).exp() if weighting == "softmax" else 1 / (squared + 0.001)
    raw = raw * recalled
    weights = raw / raw.sum(dim=1, keepdim=True).clamp_min(1e-300)
    return torch.einsum("bn,bnv->bv", weights, memory.values.detach().clone())


def loss_of(value: Tensor) -> Tensor:
    return (value.sin() * torch.arange(1.0, VALUE + 1, device=value.device)).sum()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("thresholded", [False, True], ids=["any", "threshold"])
@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_of_a_learned_query_equal_those_of_a_dense_read(
    kernel: str, weighting: str, thresholded: bool, device: str
) -> None:
    threshold = THRESHOLDS[kernel] if thresholded else None
    memory = projected(device, kernel=kernel, weighting=weighting, temperature=0.6, threshold=threshold)
    query = some_query(device)
    value, expected = memory.read(query).value, dense_read(memory, query, weighting, 0.6)
    torch.testing.assert_close(value, expected)
    inputs = (query, projection(memory))
    found = torch.autograd.grad(loss_of(value), inputs)
    for gradient, dense in zip(found, torch.autograd.grad(loss_of(expected), inputs), strict=True):
        assert gradient.abs().max() > 1e-3
        torch.testing.assert_close(gradient, dense)


@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_of_a_learned_query_equal_finite_differences(kernel: str, weighting: str) -> None:
    memory = projected(kernel=kernel, weighting=weighting)

    def value(query: Tensor, weight: Tensor) -> Tensor:
        assert weight is projection(memory)  # varied in place
        return memory.read(query).value

    assert torch.autograd.gradcheck(value, (some_query(), projection(memory)))


def test_a_learned_query_starts_as_the_query() -> None:
    plain, learning = build(), build(learned_query=True)
    for memory in (plain, learning):
        for key, value in drawings(SLOTS, "cpu"):
            memory.write(key, value)
    query = some_query()
    for found, expected in zip(learning.read(query), plain.read(query), strict=True):
        torch.testing.assert_close(found, expected)
    assert [name for name, _ in learning.named_parameters()] == ["query_projection.weight"]
    assert not list(plain.parameters())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("stacks", [False, True])
@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_what_happens_to_the_memory_before_backward_does_not_matter(
    kernel: str, weighting: str, stacks: bool, device: str
) -> None:
    memory = projected(device, kernel=kernel, weighting=weighting, stacks=stacks)
    query = some_query(device)
    inputs = (query, projection(memory))
    expected = torch.autograd.grad(loss_of(memory.read(query).value), inputs)
    value = memory.read(query).value
    before = value.detach().clone()
    for count, (key, other) in enumerate(drawings(SLOTS, device, seed=5)):
        memory.write(key, other, torch.full((BATCH,), count, device=device))
    memory.read(some_query(device))
    memory.reset(BATCH)
    assert torch.equal(value, before)
    for gradient, undisturbed in zip(torch.autograd.grad(loss_of(value), inputs), expected, strict=True):
        torch.testing.assert_close(gradient, undisturbed)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_an_empty_memory_gives_no_gradient(kernel: str, weighting: str, device: str) -> None:
    memory = projected(device, writes=0, kernel=kernel, weighting=weighting).float()
    query = some_query(device).detach().float().requires_grad_()
    value = memory.read(query).value
    assert (value == 0).all()
    for gradient in torch.autograd.grad((value * 1e3).sum(), (query, projection(memory))):
        assert (gradient == 0).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("recalled", [0, 1, 3])
@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_row_that_recalls_nothing_or_one_gets_no_gradient(
    kernel: str, weighting: str, recalled: int, device: str
) -> None:
    memory, query = projected(device, kernel=kernel, weighting=weighting).float(), some_query(device).detach().float()
    near = memory.similarity(query @ projection(memory).detach().T)[0].sort(descending=True).values
    edges = [near[0] + 1e-3, *(near[1:] + near[:-1]) / 2]  # above the first, between it and the second, ...
    memory.threshold = float(edges[recalled])
    query[1] = 0.0  # in another row, whose gradient has to be a number too
    query.requires_grad_()
    value = memory.read(query).value
    gradients = torch.autograd.grad((value * 1e3).sum(), (query, projection(memory)))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (value[0] == 0).all() == (recalled == 0)
    size = gradients[0][0].abs().max()
    assert {0: size == 0, 1: size < 1e-2, 3: size > 1.0}[recalled]  # the weight of one alone is 1 up to rounding


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("weighting", SHARES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_query_that_is_a_stored_key_or_zero_has_a_finite_gradient(kernel: str, weighting: str, device: str) -> None:
    memory = build(device, kernel=kernel, weighting=weighting).float()
    for key, value in drawings(3, device):
        memory.write(key.float(), value.float())
    query = memory.keys[:, 1].clone()
    query[0] = 0.0
    query.requires_grad_()
    (gradient,) = torch.autograd.grad((memory.read(query).value * 1e3).sum(), query)
    assert gradient.isfinite().all()
    assert (gradient[1:] != 0).any(dim=1).all()


def test_one_neighbour_passes_no_gradient_on() -> None:
    memory = build(neighbours=1)
    for key, value in drawings(3, "cpu"):
        memory.write(key, value)
    assert not memory.read(some_query()).value.requires_grad


def test_no_graph_is_built_where_gradients_are_switched_off() -> None:
    memory = projected()
    with torch.no_grad():
        quiet = memory.read(some_query())
    loud = memory.read(some_query())
    assert not quiet.value.requires_grad
    assert loud.value.requires_grad
    assert not loud.similarity.requires_grad
    torch.testing.assert_close(quiet.value, loud.value.detach())
