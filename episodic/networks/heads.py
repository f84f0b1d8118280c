"""Actor and critic on a core's hidden state."""

import torch
from torch import Tensor, nn

from episodic.errors import require_positive


class ActorCriticHeads(nn.Linear):
    """Policy logits and state value by one linear layer (learning to reinforcement-learn, Wang et al. 2016).

    Args:
        hidden_size: length H of the hidden state.
        actions: number of actions A.

    >>> logits, value = ActorCriticHeads(50, 10)(torch.zeros(3, 50))
    >>> logits.shape, value.shape
    (torch.Size([3, 10]), torch.Size([3]))
    """

    def __init__(self, hidden_size: int, actions: int) -> None:
        require_positive(hidden_size=hidden_size, actions=actions)
        super().__init__(hidden_size, actions + 1)  # the policy's logits, then the value
        self.actions = actions
        nn.init.orthogonal_(self.weight, gain=0.1)
        nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Policy logits `[..., A]` and state values `[...]` of hidden states `[..., H]`."""
        logits, value = super().forward(hidden).split((self.actions, 1), dim=-1)
        return logits, value.squeeze(-1)

    @torch.no_grad()
    def policy(self) -> tuple[Tensor, Tensor]:
        """Weight `[H, A]` and bias `[A]` that give the policy's logits from a hidden state."""
        return self.weight[: self.actions].T, self.bias[: self.actions]
