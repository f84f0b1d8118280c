"""The gated transformer-XL (GTrXL): a core that looks back at the whole block by attention.

Parisotto et al. 2019 (arXiv 1910.06764), section 3. A token is a step's input: last action, last reward, observation
and, if the agent sees it, the cue. With E the inputs of a layer at the steps of this episode and M those of all steps
of earlier episodes in the block, without gradient,

    Y  = g1(E, relu(RelativeAttention(LayerNorm([M, E]))))
    E' = g2(Y, relu(MLP(LayerNorm(Y))))

is the input of the next layer. Each gate g is that of a GRU, with x the stream and y the branch:

    r = sigmoid(W_r y + U_r x),  z = sigmoid(W_z y + U_z x - b),  h = tanh(W_g y + U_g (r * x))
    g(x, y) = (1 - z) * x + z * h

The bias b > 0 closes the gates at first, so that the core begins as a linear map of its input.

Differs from the paper: M reaches back to the block's start instead of a fixed number of steps.
"""

import torch
from torch import Tensor, nn

from episodic.errors import require, require_finite, require_positive
from episodic.networks.core import Tape
from episodic.networks.sequence_cores.relative_attention import RelativeAttention, sinusoids
from episodic.networks.sequence_cores.sequence_core import SequenceCore, SequenceTape


class RecurrentGate(nn.Module):
    """The gate `g(x, y)` of a GRU between a stream x and a branch y, `[..., H]` each.

    Args:
        size: length H.
        bias: b at first.
    """

    def __init__(self, size: int, bias: float) -> None:
        super().__init__()
        self.branch = nn.Linear(size, 3 * size, bias=False)  # W_r, W_z, W_g
        self.stream = nn.Linear(size, 2 * size, bias=False)  # U_r, U_z
        self.candidate = nn.Linear(size, size, bias=False)  # U_g
        self.bias = nn.Parameter(torch.full((size,), float(bias)))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        r_y, z_y, g_y = self.branch(y).chunk(3, dim=-1)
        r_x, z_x = self.stream(x).chunk(2, dim=-1)
        z = torch.sigmoid(z_y + z_x - self.bias)
        h = torch.tanh(g_y + self.candidate(torch.sigmoid(r_y + r_x) * x))
        return (1 - z) * x + z * h


class GatedLayer(nn.Module):
    """One layer of the gated transformer."""

    def __init__(self, size: int, heads: int, gate_bias: float) -> None:
        super().__init__()
        self.attention = RelativeAttention(size, heads)  # with its layer normalisation
        self.attention_gate = RecurrentGate(size, gate_bias)
        self.mlp = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))
        self.mlp_gate = RecurrentGate(size, gate_bias)

    def forward(self, x: Tensor, standard: Tensor, past: Tensor, codes: Tensor) -> Tensor:
        """Inputs `[B, T, H]`, and the same standardised, to outputs; see `RelativeAttention` for the rest."""
        y = self.attention_gate(x, torch.relu(self.attention(standard, past, codes)))
        after: Tensor = self.mlp_gate(y, torch.relu(self.mlp(y)))
        return after


class GatedTape(SequenceTape):
    """An episode of the gated transformer."""

    def __init__(self, core: "GatedTransformerXL", steps: int, batch_size: int) -> None:
        super().__init__(core, steps, batch_size)
        self.before = 0  # how many steps the block had before this episode
        #: Standardised inputs of all layers `[L, B, steps so far or more, H]`. The tapes of a block share them: each
        #: writes behind what was there before it.
        self.rows = self.cells.new_empty(len(core.layers), batch_size, steps + 1, core.hidden_size)
        self.codes = sinusoids(steps, core.hidden_size, self.cells)

    def follow(self, last: "GatedTape") -> None:
        """Take over the rows of earlier episodes, and make room for this one's."""
        self.before = last.before + len(last.inputs)
        needed = self.before + len(self.inputs)
        self.rows = last.rows
        if needed > self.rows.shape[2]:
            layers, batch_size, _, size = last.rows.shape
            self.rows = last.rows.new_empty(layers, batch_size, 2 * needed, size)
            self.rows[:, :, : self.before - 1] = last.rows[:, :, : self.before - 1]
        self.codes = sinusoids(self.before + len(self.hidden), self.rows.shape[3], self.cells)


class GatedTransformerXL(SequenceCore):
    """A gated transformer over all steps of the block.

    Args:
        input_size: length I of the input.
        reinstatement: must be false.
        hidden_size: length H of the hidden state and of every layer's input.
        layers: number of layers.
        heads: heads of attention in each; they divide `hidden_size`.
        gate_bias: initial value of the gates' bias b.
        lasts: how far it attends back: to the start of the `block` or of the `episode`.

    Raises:
        InputError: see `SequenceCore`; a number that is not positive; heads that do not divide the hidden size.

    >>> core = GatedTransformerXL(3, False, hidden_size=4, heads=2)
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
        layers: int = 2,
        heads: int = 2,
        gate_bias: float = 2.0,
        lasts: str = "block",
    ) -> None:
        super().__init__(input_size, reinstatement, hidden_size, lasts)
        require_positive(layers=layers, heads=heads)
        require_finite(gate_bias=gate_bias)
        require(hidden_size % heads == 0, f"heads is {heads}: it must divide hidden_size, which is {hidden_size}")
        self.heads = heads
        self.encoder = nn.Linear(input_size, hidden_size)
        self.layers = nn.ModuleList(GatedLayer(hidden_size, heads, gate_bias) for _ in range(layers))

    def gated_layers(self) -> list[GatedLayer]:
        """The layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, GatedLayer)]

    def tape(self, steps: int, batch_size: int) -> GatedTape:
        return GatedTape(self, steps, batch_size)

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, GatedTape)
        assert isinstance(last, GatedTape)
        tape.follow(last)
        self._advance(tape, last.inputs[-1], tape.before - 1)

    def restart(self, tape: Tape, other: Tape) -> None:
        assert isinstance(tape, GatedTape)
        assert isinstance(other, GatedTape)
        tape.before, tape.rows = other.before, other.rows
        tape.codes = sinusoids(tape.before + len(tape.hidden), self.hidden_size, tape.cells)

    def step(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, GatedTape)
        return self._advance(tape, tape.inputs[t], tape.before + t)

    def _advance(self, tape: GatedTape, inputs: Tensor, position: int) -> Tensor:
        """One step from inputs `[B, I]` at a position of the block -> the hidden state `[B, H]`."""
        x = self.encoder(inputs.unsqueeze(1))
        for layer, rows in zip(self.gated_layers(), tape.rows, strict=True):
            standard = layer.attention.standardise(x)
            rows[:, position : position + 1] = standard
            x = layer(x, standard, rows[:, :position], tape.codes)
        hidden: Tensor = x.squeeze(1)
        return hidden

    def steps(self, tape: Tape, inputs: Tensor) -> Tensor:
        assert isinstance(tape, GatedTape)
        x = self.encoder(inputs.transpose(0, 1))
        for layer, rows in zip(self.gated_layers(), tape.rows, strict=True):
            past = rows.data[:, : tape.before]  # autograd need not know that later episodes write behind it
            x = layer(x, layer.attention.standardise(x), past, tape.codes)
        hidden: Tensor = x.transpose(0, 1)
        return hidden
