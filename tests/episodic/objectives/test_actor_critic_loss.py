"""The actor-critic loss against plain loops over steps and environments."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.networks.heads import ActorCriticHeads
from episodic.objectives.actor_critic import ActorCritic, ActorCriticLoss, actor_critic_loss, generalised_advantages

STEPS, BATCH, ACTIONS = 6, 3, 4
WEIGHTS: dict[str, Any] = {"discount": 0.9, "trace": 0.8, "value_weight": 0.4, "entropy_weight": 0.05}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def episode() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, values, actions and rewards."""
    actions = torch.randint(ACTIONS, (STEPS, BATCH), generator=torch.Generator().manual_seed(5))
    logits = draw(STEPS, BATCH, ACTIONS, seed=2).requires_grad_()
    return logits, draw(STEPS, BATCH, seed=1).requires_grad_(), actions, draw(STEPS, BATCH)


def slow_advantages(rewards: Tensor, values: Tensor, discount: float, trace: float) -> Tensor:
    """The recursion of the paper, from the last step backwards."""
    steps, batch = rewards.shape
    advantages = torch.zeros_like(rewards)
    for b in range(batch):
        following_value = following = 0.0
        for t in reversed(range(steps)):
            value = values[t, b].item()
            delta = rewards[t, b].item() + discount * following_value - value
            following = delta + discount * trace * following
            advantages[t, b], following_value = following, value
    return advantages


def slow_loss(logits: Tensor, values: Tensor, actions: Tensor, rewards: Tensor, **weights: float) -> ActorCriticLoss:
    advantages = slow_advantages(rewards, values, weights["discount"], weights["trace"])
    policy = value = entropy = 0.0
    for t in range(STEPS):
        for b in range(BATCH):
            exponentials = [math.exp(x) for x in logits[t, b].tolist()]
            pi = [x / sum(exponentials) for x in exponentials]
            policy -= advantages[t, b].item() * math.log(pi[int(actions[t, b])])
            value += advantages[t, b].item() ** 2 / 2  # R - v is the advantage
            entropy -= sum(p * math.log(p) for p in pi)
    count = STEPS * BATCH
    total = policy + weights["value_weight"] * value - weights["entropy_weight"] * entropy
    parts = (torch.tensor(part / count, dtype=torch.float64) for part in (total, policy, value, entropy))
    return ActorCriticLoss(*parts)


@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("trace", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("steps", [1, STEPS])
def test_advantages_equal_the_recursion(steps: int, discount: float, trace: float) -> None:
    rewards, values = draw(steps, BATCH), draw(steps, BATCH, seed=1)
    before = rewards.clone(), values.clone()
    found = generalised_advantages(rewards, values, discount, trace)
    torch.testing.assert_close(found, slow_advantages(rewards, values, discount, trace))
    assert torch.equal(rewards, before[0])
    assert torch.equal(values, before[1])


def test_trace_zero_is_the_one_step_error() -> None:
    rewards, values = draw(STEPS, BATCH), draw(STEPS, BATCH, seed=1)
    after = torch.cat([values[1:], torch.zeros(1, BATCH, dtype=torch.float64)])
    torch.testing.assert_close(generalised_advantages(rewards, values, 0.9, 0.0), rewards + 0.9 * after - values)


def test_trace_one_is_the_discounted_return_less_the_value() -> None:
    rewards, values = draw(STEPS, BATCH), draw(STEPS, BATCH, seed=1)
    returns = torch.stack(
        [sum((0.9**k * rewards[t + k] for k in range(STEPS - t)), torch.zeros(BATCH)) for t in range(STEPS)]
    )
    torch.testing.assert_close(generalised_advantages(rewards, values, 0.9, 1.0), returns - values)


def test_single_precision_is_kept() -> None:
    rewards, values = draw(STEPS, BATCH).float(), draw(STEPS, BATCH, seed=1).float()
    found = generalised_advantages(rewards, values, 0.9, 0.5)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, slow_advantages(rewards, values, 0.9, 0.5))


@pytest.mark.parametrize(
    "changes",
    [{}, {"trace": 0.0}, {"trace": 1.0}, {"value_weight": 0.0}, {"entropy_weight": 0.0}, {"discount": 0.5}],
    ids=str,
)
def test_loss_equals_the_loop(changes: dict[str, float]) -> None:
    weights = {**WEIGHTS, **changes}
    torch.testing.assert_close(
        actor_critic_loss(*episode(), **weights), slow_loss(*episode(), **weights), check_dtype=False
    )


def test_no_gradient_flows_through_the_advantages() -> None:
    logits, values, actions, rewards = episode()
    loss = actor_critic_loss(logits, values, actions, rewards, **WEIGHTS)
    advantages = slow_advantages(rewards, values, WEIGHTS["discount"], WEIGHTS["trace"])
    # With the returns held fixed, d/dv of (R - v)^2 / 2 is -A; a gradient through R or A would add to it.
    expected = -WEIGHTS["value_weight"] * advantages / (STEPS * BATCH)
    torch.testing.assert_close(torch.autograd.grad(loss.total, values, retain_graph=True)[0], expected)
    # d/dlogits of -A log pi(a) is A (pi - onehot(a)).
    chosen = torch.nn.functional.one_hot(actions, ACTIONS)
    expected = advantages.unsqueeze(-1) * (torch.softmax(logits, -1) - chosen) / (STEPS * BATCH)
    torch.testing.assert_close(torch.autograd.grad(loss.policy, logits)[0], expected.detach())


@pytest.mark.parametrize(("steps", "batch"), [(6, 1), (1, 3), (1, 1), (6, 3)])
def test_the_loss_does_not_depend_on_how_its_tensors_lie_in_memory(steps: int, batch: int) -> None:
    heads, loss = ActorCriticHeads(8, 3), ActorCritic()
    actions = torch.randint(3, (steps, batch), generator=torch.Generator().manual_seed(5))
    hidden, rewards = draw(steps, batch, 8).float(), draw(steps, batch, seed=1).float()
    expected = loss.of_hidden(heads, hidden, actions, rewards, 0.05)
    # Environments first, and behind them numbers that must not be read.
    first_hidden = torch.full((100 + batch, steps, 8), 1e9)[:batch].copy_(hidden.transpose(0, 1))
    first_rewards = torch.full((100 + batch, steps), 1e9)[:batch].copy_(rewards.T)
    found = loss.of_hidden(heads, first_hidden.transpose(0, 1), actions, first_rewards.T, 0.05)
    assert torch.equal(found.total, expected.total)


def test_uniform_policy_has_the_highest_entropy() -> None:
    _, values, actions, rewards = episode()
    uniform = torch.zeros(STEPS, BATCH, ACTIONS, dtype=torch.float64, requires_grad=True)
    loss = actor_critic_loss(uniform, values, actions, rewards, **WEIGHTS)
    assert loss.entropy.item() == pytest.approx(math.log(ACTIONS))
    assert torch.autograd.grad(loss.entropy, uniform)[0].abs().max() < 1e-12


def test_entropy_is_rewarded() -> None:
    logits, *rest = episode()
    small = actor_critic_loss(logits, *rest, **{**WEIGHTS, "entropy_weight": 0.0})
    large = actor_critic_loss(logits, *rest, **{**WEIGHTS, "entropy_weight": 1.0})
    assert (small.total - large.total).item() == pytest.approx(small.entropy.item())


def test_a_first_use_without_gradient_spoils_no_later_one() -> None:
    # Evaluation in inference mode may come first, and what it caches must serve training as well.
    weights = {**WEIGHTS, "discount": 0.77}
    with torch.inference_mode():
        actor_critic_loss(*episode(), **weights)
    logits, values, actions, rewards = episode()
    actor_critic_loss(logits, values, actions, rewards, **weights).total.backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
