"""A core of one's own: a leaky recurrent layer that reinstates a recalled state."""

import torch
from torch import Tensor, nn

from episodic.networks import AutogradCore, CoreState


class LeakyCore(AutogradCore):
    """`h_t = (1 - a) h_{t-1} + a tanh(W [x_t, h_{t-1}]) + r tanh(h_recalled)`, with a learned gate r."""

    def __init__(self, input_size: int, reinstatement: bool, *, hidden_size: int = 50, leak: float = 0.5) -> None:
        super().__init__(input_size, reinstatement, hidden_size)
        self.leak = leak
        self.layer = nn.Linear(input_size + hidden_size, hidden_size)
        self.reinstate = nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, x: Tensor, state: CoreState, squashed: Tensor | None) -> tuple[CoreState, Tensor | None]:
        joint = torch.cat([x, state.hidden], dim=1)
        h = (1 - self.leak) * state.hidden + self.leak * torch.tanh(self.layer(joint))
        gate = torch.sigmoid(self.reinstate(joint)) if self.reinstatement else None
        if gate is not None and squashed is not None:
            h = h + gate * squashed
        return CoreState(h, h), gate
