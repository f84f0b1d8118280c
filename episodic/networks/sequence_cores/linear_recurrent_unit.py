"""The linear recurrent unit (LRU): a state-space core whose state lasts for the block.

Orvieto et al. 2023 (arXiv 2303.06349), section 3. Each layer keeps a complex state x of N numbers; with u_t the layer's
normalised input,

    x_t = lambda * x_{t-1} + gamma * (B u_t)          lambda = exp(-exp(nu) + i exp(theta)),  N complex numbers
    y_t = Re(C x_t) + D * u_t

and the layer's output is its input plus `GLU(GELU(y_t))`, with `GLU(v) = V v * sigmoid(W v)`. The recurrence is linear:
playing computes it step by step, learning all steps at once by a scan. The state is reset at the start of a block, as
in S5 for reinforcement learning (Lu et al. 2023, arXiv 2303.03982).

Differs from the paper: layer normalisation instead of batch normalisation, no dropout; the hidden state is a
normalisation of the last layer's output.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu

from episodic.errors import require, require_positive
from episodic.networks.core import Tape
from episodic.networks.sequence_cores.linear_scan import linear_scan
from episodic.networks.sequence_cores.sequence_core import SequenceCore, SequenceTape

#: Below it every state forgets within a step, and smaller ones could not be told from 0.
SMALLEST_RADIUS = 1e-3


class RecurrentLayer(nn.Module):
    """One layer: normalisation, linear recurrence, gated linear unit, residual connection.

    Args:
        size: length H of input and output.
        state_size: length N of the complex state.
        min_radius: smallest |lambda| at the start.
        max_radius: largest |lambda| at the start.
        max_phase: largest phase of lambda at the start.
    """

    def __init__(self, size: int, state_size: int, min_radius: float, max_radius: float, max_phase: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        # At first |lambda|^2 is uniform between the squares of the bounds, the phase from 0 on (lemma 3.2).
        squared = min_radius**2 + torch.rand(state_size).clamp_min(1e-4) * (max_radius**2 - min_radius**2)
        phase = max_phase * torch.rand(state_size).clamp_min(1e-4)
        self.nu = nn.Parameter((-0.5 * squared.log()).log())
        self.theta = nn.Parameter(phase.log())
        self.log_gamma = nn.Parameter(0.5 * (1 - squared).log())
        # B and C as real matrices, of the real and the imaginary parts side by side: [H, 2N] and [2N, H].
        self.to_state = nn.Parameter(torch.randn(size, 2 * state_size) / math.sqrt(2 * size))
        self.from_state = nn.Parameter(torch.randn(2 * state_size, size) / math.sqrt(state_size))
        self.skip = nn.Parameter(torch.randn(size))
        self.gated = nn.Linear(size, 2 * size)

    def decay(self) -> Tensor:
        """lambda, `[N]` complex."""
        return torch.polar(torch.exp(-self.nu.exp()), self.theta.exp())

    def drive(self, u: Tensor) -> Tensor:
        """`gamma * (B u)` of normalised inputs `[..., H]` -> `[..., N]` complex."""
        real, imaginary = (u @ self.to_state).chunk(2, dim=-1)
        gamma = self.log_gamma.exp()
        return torch.complex(gamma * real, gamma * imaginary)

    def output(self, x: Tensor, u: Tensor, state: Tensor) -> Tensor:
        """The layer's output `[..., H]` from its input, its normalised input and its state after the step."""
        joint = torch.cat([state.real, -state.imag], dim=-1)  # Re(C x) = Re(C) Re(x) - Im(C) Im(x)
        y = joint @ self.from_state + self.skip * u
        return x + glu(self.gated(gelu(y)), dim=-1)


class LinearRecurrentTape(SequenceTape):
    """An episode of the linear recurrent unit."""

    def __init__(self, core: "LinearRecurrentUnit", steps: int, batch_size: int) -> None:
        super().__init__(core, steps, batch_size)
        dtype = self.cells.dtype.to_complex()
        shape = (len(core.layers), batch_size, core.state_size)
        self.initial = torch.zeros(shape, dtype=dtype, device=self.cells.device)  # before the first step
        self.states = self.initial  # after the last step so far
        self.decays = [layer.decay().detach() for layer in core.recurrent_layers()]


class LinearRecurrentUnit(SequenceCore):
    """A stack of linear recurrent layers, whose states remember the block.

    Args:
        input_size: length I of the input.
        reinstatement: must be false.
        hidden_size: length H of the hidden state and of every layer's input.
        state_size: length N of each layer's complex state.
        layers: number of layers.
        min_radius: smallest |lambda| at the start, at least 0.
        max_radius: largest |lambda| at the start, from 0.001 to below 1; after n steps a share |lambda|^n of a state is
            left.
        max_phase: largest phase of lambda at the start, in radians; small ones suit slow signals, pi tells single steps
            apart.
        lasts: how long the states last, `block` or `episode`.

    Raises:
        InputError: see `SequenceCore`; a number out of its range.

    >>> core = LinearRecurrentUnit(3, False, hidden_size=4)
    >>> tape = core.tape(steps=2, batch_size=5)
    >>> core.begin(tape, 0)
    >>> core.finish(tape, 0, None).shape
    torch.Size([5, 4])
    """

    def __init__(
        self,
        input_size: int,
        reinstatement: bool,
        *,
        hidden_size: int = 32,
        state_size: int = 64,
        layers: int = 2,
        min_radius: float = 0.9,
        max_radius: float = 0.999,
        max_phase: float = math.pi / 10,
        lasts: str = "block",
    ) -> None:
        super().__init__(input_size, reinstatement, hidden_size, lasts)
        require_positive(state_size=state_size, layers=layers)
        require(
            0 <= min_radius < max_radius < 1 and max_radius >= SMALLEST_RADIUS,
            f"min_radius is {min_radius}, max_radius {max_radius}: it must be 0 <= min_radius < max_radius < 1, "
            f"and max_radius at least {SMALLEST_RADIUS}",
        )
        require(0 < max_phase <= math.pi, f"max_phase is {max_phase}: it must be more than 0, and at most pi")
        self.state_size = state_size
        self.encoder = nn.Linear(input_size, hidden_size)
        self.layers = nn.ModuleList(
            RecurrentLayer(hidden_size, state_size, min_radius, max_radius, max_phase) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def recurrent_layers(self) -> list[RecurrentLayer]:
        """The layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    def tape(self, steps: int, batch_size: int) -> LinearRecurrentTape:
        return LinearRecurrentTape(self, steps, batch_size)

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, LinearRecurrentTape)
        assert isinstance(last, LinearRecurrentTape)
        tape.initial, _ = self._advance(last.inputs[-1], last.states, tape.decays)
        tape.states = tape.initial

    def restart(self, tape: Tape, other: Tape) -> None:
        assert isinstance(tape, LinearRecurrentTape)
        assert isinstance(other, LinearRecurrentTape)
        tape.initial = tape.states = other.initial

    def step(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, LinearRecurrentTape)
        tape.states, hidden = self._advance(tape.inputs[t], tape.states, tape.decays)
        return hidden

    def _advance(self, inputs: Tensor, states: Tensor, decays: list[Tensor]) -> tuple[Tensor, Tensor]:
        """One step from inputs `[B, I]` and states `[L, B, N]` -> the next states, and the hidden state `[B, H]`."""
        x, after = self.encoder(inputs), []
        for layer, state, decay in zip(self.recurrent_layers(), states, decays, strict=True):
            u = layer.norm(x)
            after.append(decay * state + layer.drive(u))
            x = layer.output(x, u, after[-1])
        return torch.stack(after), self.norm(x)

    def steps(self, tape: Tape, inputs: Tensor) -> Tensor:
        assert isinstance(tape, LinearRecurrentTape)
        x = self.encoder(inputs)
        for layer, initial in zip(self.recurrent_layers(), tape.initial, strict=True):
            u = layer.norm(x)
            x = layer.output(x, u, linear_scan(layer.decay(), layer.drive(u), initial))
        hidden: Tensor = self.norm(x)
        return hidden
