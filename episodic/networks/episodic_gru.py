"""The episodic GRU: a gated recurrent unit with the reinstatement gate of the episodic LSTM.

Cho et al. 2014 (arXiv 1406.1078), with the reinstatement of Ritter et al. 2018 (arXiv 1805.09692). u, z and r are the
reset, update and reinstatement gates, all of `sigmoid(W x_t + U h_{t-1} + b)`:

    n_t = tanh(W_n x_t + b_n + u * (U_n h_{t-1} + d_n))
    h_t = (1 - z)*n_t + z*h_{t-1} + r*tanh(h_recalled)

The state is a single vector: it is what the heads read, and what the memory stores.
"""

import math

import torch
from torch import Tensor, nn

from episodic.networks.autograd_core import AutogradCore
from episodic.networks.core import CoreState


class EpisodicGRU(AutogradCore):
    """A GRU that reinstates a recalled state; without its reinstatement gate it is `torch.nn.GRUCell`.

    Args:
        input_size: length I of the input.
        reinstatement: whether there is an r-gate.
        hidden_size: length H of the state.
        reinstatement_bias: initial bias of the r-gate.
        lasts: how long the state lasts, `episode` or `block`.

    >>> core = EpisodicGRU(3, True, hidden_size=4)
    >>> tape = core.tape(steps=2, batch_size=5)
    >>> core.begin(tape, 0)
    >>> core.finish(tape, 0, torch.zeros(5, 4)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self,
        input_size: int,
        reinstatement: bool,
        *,
        hidden_size: int = 50,
        reinstatement_bias: float = 0.0,
        lasts: str = "episode",
    ) -> None:
        super().__init__(input_size, reinstatement, hidden_size, lasts)
        self.gru = nn.GRUCell(input_size, hidden_size)
        self.reinstate: nn.Linear | None = None
        if reinstatement:
            self.reinstate = nn.Linear(input_size + hidden_size, hidden_size)
            bound = 1 / math.sqrt(hidden_size)
            nn.init.uniform_(self.reinstate.weight, -bound, bound)
            nn.init.constant_(self.reinstate.bias, reinstatement_bias)

    def step(self, x: Tensor, state: CoreState, squashed: Tensor | None) -> tuple[CoreState, Tensor | None]:
        h: Tensor = self.gru(x, state.hidden)
        gate = None
        if self.reinstate is not None:
            gate = torch.sigmoid(self.reinstate(torch.cat([x, state.hidden], dim=-1)))
            if squashed is not None:
                h = h + gate * squashed
        return CoreState(h, h), gate
