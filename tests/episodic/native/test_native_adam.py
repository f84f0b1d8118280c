"""Adam and clipping by native kernels, beside PyTorch's."""

import pytest
import torch
from torch import Tensor

from episodic.objectives.native_adam import NativeAdam, clip_gradients
from tests.episodic.native.paths import both, needs_kernels

SHAPES = ((250, 61), (250,), (11, 50), (1,))


def parameters(seed: int = 0) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def give_gradients(weights: list[torch.nn.Parameter], step: int) -> None:
    for number, weight in enumerate(weights):
        generator = torch.Generator().manual_seed(100 * step + number)
        weight.grad = torch.randn(weight.shape, generator=generator)


def train(optimizer: torch.optim.Optimizer, weights: list[torch.nn.Parameter], steps: range) -> None:
    for step in steps:
        give_gradients(weights, step)
        optimizer.step()


def assert_close(ours: list[torch.nn.Parameter], theirs: list[torch.nn.Parameter]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"betas": (0.8, 0.99), "eps": 1e-4}, {"weight_decay": 0.1}, {"amsgrad": True}])
def test_steps_are_those_of_adam(options: dict[str, object]) -> None:
    ours, theirs = parameters(), parameters()
    train(NativeAdam(ours, lr=0.01, **options), ours, range(20))  # type: ignore[arg-type]
    train(torch.optim.Adam(theirs, lr=0.01, **options), theirs, range(20))  # type: ignore[arg-type]
    assert_close(ours, theirs)


@pytest.mark.parametrize("first", [NativeAdam, torch.optim.Adam])
def test_either_goes_on_from_the_state_of_the_other(first: type[torch.optim.Adam]) -> None:
    second = torch.optim.Adam if first is NativeAdam else NativeAdam
    ours, theirs = parameters(), parameters()
    optimizer = first(ours, lr=0.01)
    train(optimizer, ours, range(5))
    goes_on = second(ours, lr=0.01)
    goes_on.load_state_dict(optimizer.state_dict())
    train(goes_on, ours, range(5, 10))
    train(torch.optim.Adam(theirs, lr=0.01), theirs, range(10))
    assert_close(ours, theirs)


def test_hooks_and_the_profiler_see_the_steps() -> None:
    weights, steps = parameters(), list[str]()
    optimizer = NativeAdam(weights, lr=0.01)
    before = optimizer.register_step_pre_hook(lambda *given: steps.append("before"))
    after = optimizer.register_step_post_hook(lambda *given: steps.append("after"))
    train(optimizer, weights, range(2))
    assert steps == ["before", "after"] * 2
    before.remove()
    after.remove()
    train(optimizer, weights, range(2))
    assert len(steps) == 4
    with torch.profiler.profile() as profiler:
        train(optimizer, weights, range(1))
    assert "Optimizer.step#NativeAdam.step" in [event.key for event in profiler.key_averages()]


def test_a_schedule_counts_the_steps(recwarn: pytest.WarningsRecorder) -> None:
    weights = parameters()
    optimizer = NativeAdam(weights, lr=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer)
    train(optimizer, weights, range(1))
    schedule.step()
    assert not [warning for warning in recwarn if "lr_scheduler" in str(warning.message)]


def test_a_parameter_without_a_gradient_stays() -> None:
    weights = parameters()
    before = weights[1].clone()
    optimizer = NativeAdam(weights, lr=0.01)
    give_gradients(weights, 0)
    weights[1].grad = None
    optimizer.step()
    assert torch.equal(weights[1], before)
    assert weights[1] not in optimizer.state or not optimizer.state[weights[1]]


@needs_kernels
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}])
def test_a_closure_comes_before_the_step(options: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> list[torch.nn.Parameter]:
        weights = parameters()
        optimizer = NativeAdam(weights, lr=0.01, **options)  # type: ignore[arg-type]

        def closure() -> float:
            give_gradients(weights, 0)
            return 2.5

        assert optimizer.step(closure) == 2.5
        return weights

    ours, theirs = both(trained, monkeypatch)
    assert not torch.equal(ours[0], parameters()[0])
    assert_close(ours, theirs)


@needs_kernels
@pytest.mark.parametrize("norm", [0.5, 1000.0])
def test_gradients_are_clipped_alike(norm: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def clipped() -> list[Tensor]:
        weights = parameters()
        give_gradients(weights, 3)
        clip_gradients(weights, norm)
        return [weight.grad for weight in weights if weight.grad is not None]

    for one, other in zip(*both(clipped, monkeypatch), strict=True):
        torch.testing.assert_close(one, other)


def test_a_gradient_that_is_not_a_number_spreads_to_all() -> None:
    weights = parameters()
    give_gradients(weights, 0)
    weights[3].grad = torch.full_like(weights[3], float("nan"))
    clip_gradients(weights, 1.0)
    assert all(weight.grad is not None and weight.grad.isnan().all() for weight in weights)
