"""Gradients that are known with their loss."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from episodic.objectives.known_gradient import backward, with_gradient


def parameters() -> list[Tensor]:
    return [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True), torch.ones(1)]


def known(sources: list[Tensor]) -> Tensor:
    """A loss with the gradients 1, 2, 3; the last source wants none."""
    gradients = [torch.full_like(source, number + 1) for number, source in enumerate(sources)]
    return with_gradient(torch.tensor(5.0), sources, gradients)


@pytest.mark.parametrize("pass_back", [backward, Tensor.backward])
def test_gradients_reach_parameters_and_add_up(pass_back: Callable[[Tensor], None]) -> None:
    sources = parameters()
    for _ in range(2):
        pass_back(known(sources))
    assert [None if part.grad is None else part.grad.tolist() for part in sources] == [[2, 2], [4, 4, 4], None]


def test_a_first_gradient_is_not_changed_by_the_second() -> None:
    sources = parameters()
    given = torch.ones(2)
    backward(with_gradient(torch.tensor(0.0), sources[:1], [given]))
    backward(with_gradient(torch.tensor(0.0), sources[:1], [torch.ones(2)]))
    assert given.tolist() == [1, 1]


def test_a_sum_with_another_loss_goes_through_autograd() -> None:
    sources = parameters()
    backward(known(sources) + 10 * sources[0].sum())
    assert sources[0].grad is not None
    assert sources[0].grad.tolist() == [11, 11]


def test_what_made_a_source_gets_its_gradient() -> None:
    origin = torch.ones(2, requires_grad=True)
    backward(known([3 * origin]))
    assert origin.grad is not None
    assert origin.grad.tolist() == [3, 3]


def test_hooks_of_a_parameter_are_called() -> None:
    first, second, _ = sources = parameters()
    seen = []
    first.register_hook(lambda gradient: 2 * gradient)
    second.register_post_accumulate_grad_hook(lambda parameter: seen.append(parameter))
    backward(known(sources))
    assert first.grad is not None
    assert first.grad.tolist() == [2, 2]
    assert seen == [second]


def test_a_loss_without_gradient_is_refused() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        backward(torch.tensor(1.0))
