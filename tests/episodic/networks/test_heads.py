"""Actor and critic."""

from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.networks.heads import ActorCriticHeads

HIDDEN, ACTIONS = 4, 3


@pytest.mark.parametrize("shape", [(2,), (5, 2), (2, 5, 2)])
def test_logits_and_value_are_linear(shape: tuple[int, ...]) -> None:
    heads = ActorCriticHeads(HIDDEN, ACTIONS)
    torch.nn.init.normal_(heads.bias)
    hidden = torch.randn(*shape, HIDDEN)
    logits, values = heads(hidden)
    torch.testing.assert_close(logits, hidden @ heads.weight[:ACTIONS].T + heads.bias[:ACTIONS])
    torch.testing.assert_close(values, hidden @ heads.weight[ACTIONS] + heads.bias[ACTIONS])
    weight, bias = heads.policy()
    torch.testing.assert_close(hidden @ weight + bias, logits.detach())


def test_the_first_policy_is_nearly_uniform() -> None:
    logits, values = ActorCriticHeads(HIDDEN, ACTIONS)(torch.ones(1, HIDDEN))
    assert logits.abs().max() < 0.5
    assert values.abs().max() < 0.5


@pytest.mark.parametrize("name", ["hidden_size", "actions"])
def test_bad_sizes_are_named(name: str) -> None:
    sizes: dict[str, Any] = {"hidden_size": HIDDEN, "actions": ACTIONS, name: 0}
    with pytest.raises(InputError, match=f"^{name} is 0"):
        ActorCriticHeads(**sizes)
