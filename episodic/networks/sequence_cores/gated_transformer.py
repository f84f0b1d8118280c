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

from episodic.errors import require, require_positive
from episodic.networks.core import Tape
from episodic.networks.sequence_cores.relative_attention import RelativeAttention
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
        self.bias = nn.Parameter(torch.full((size,), bias))

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
        self.norm, self.attention = nn.LayerNorm(size), RelativeAttention(size, heads)
        self.attention_gate = RecurrentGate(size, gate_bias)
        self.mlp = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))
        self.mlp_gate = RecurrentGate(size, gate_bias)

    def forward(self, x: Tensor, normed: Tensor, keys: Tensor, values: Tensor, distances: Tensor) -> Tensor:
        """Inputs `[T, B, H]`, and the same normalised, to outputs; the rest is for `RelativeAttention`."""
        y = self.attention_gate(x, torch.relu(self.attention(normed, keys, values, distances)))
        after: Tensor = self.mlp_gate(y, torch.relu(self.mlp(y)))
        return after


class GatedTape(SequenceTape):
    """An episode of the gated transformer."""

    def __init__(self, core: "GatedTransformerXL", steps: int, batch_size: int) -> None:
        super().__init__(core, steps, batch_size)
        layers, size = len(core.layers), core.hidden_size
        #: Inputs of all layers `[T + 1, L, B, H]`; the last row is filled in when the next episode starts.
        self.rows = self.cells.new_zeros(steps + 1, layers, batch_size, size)
        self.past: list[Tensor] = []  # the rows of earlier episodes, shared by all tapes of a block
        self.before = 0  # how many rows there are in `past`
        #: Keys and values of all layers, which fill up while the episode is played, and the codes of distances.
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.distances: list[Tensor] = []

    def make_room(self, core: "GatedTransformerXL") -> None:
        """Make room for the keys and values of earlier episodes and of this one."""
        steps, batch_size = self.hidden.shape[:2]
        count = self.before + steps
        shape = batch_size, core.heads, count, core.hidden_size // core.heads
        self.keys = [self.cells.new_empty(shape) for _ in core.layers]
        self.values = [self.cells.new_empty(shape) for _ in core.layers]
        self.distances = [layer.attention.distances(count) for layer in core.gated_layers()]

    def clear(self) -> None:
        """Let go of what only playing needs."""
        self.keys, self.values, self.distances = [], [], []


class GatedTransformerXL(SequenceCore):
    """A gated transformer over all steps of the block.

    Args:
        input_size: length I of the input.
        reinstatement: must be false.
        hidden_size: length H of the hidden state and of every layer's input.
        layers: how many layers.
        heads: heads of attention in each; they divide `hidden_size`.
        gate_bias: b at first.
        lasts: how far back it looks, to the start of the `block` or of the `episode`.

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
        require(hidden_size % heads == 0, f"heads is {heads}: it must divide hidden_size, which is {hidden_size}")
        self.heads = heads
        self.encoder = nn.Linear(input_size, hidden_size)
        self.layers = nn.ModuleList(GatedLayer(hidden_size, heads, gate_bias) for _ in range(layers))

    def gated_layers(self) -> list[GatedLayer]:
        """The layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, GatedLayer)]

    @torch.no_grad()
    def tape(self, steps: int, batch_size: int) -> GatedTape:
        tape = GatedTape(self, steps, batch_size)
        tape.make_room(self)
        return tape

    @torch.no_grad()
    def carry(self, tape: Tape, last: Tape) -> None:
        assert isinstance(tape, GatedTape)
        assert isinstance(last, GatedTape)
        tape.past = [*last.past, last.rows]
        before = tape.before = last.before + len(last.rows)
        tape.make_room(self)
        x = self.encoder(last.inputs[-1:])  # the step that follows the last action
        for number, layer in enumerate(self.gated_layers()):
            last.rows[-1, number] = x
            normed = layer.norm(self._past(tape, number))
            keys, values = tape.keys[number][:, :, :before], tape.values[number][:, :, :before]
            for room, filled in zip((keys, values), layer.attention.keys_values(normed), strict=True):
                room.copy_(filled)
            x = layer(x, normed[-1:], keys, values, tape.distances[number])

    def _past(self, tape: GatedTape, number: int) -> Tensor:
        """Inputs `[J, B, H]` of a layer at all steps of earlier episodes; J may be 0."""
        return torch.cat([*(rows[:, number] for rows in tape.past), tape.rows[:0, number]])

    def step(self, tape: Tape, t: int) -> Tensor:
        assert isinstance(tape, GatedTape)
        at, x = tape.before + t, self.encoder(tape.inputs[t : t + 1])
        for number, layer in enumerate(self.gated_layers()):
            tape.rows[t, number] = x
            normed, keys, values = layer.norm(x), tape.keys[number], tape.values[number]
            for room, filled in zip((keys, values), layer.attention.keys_values(normed), strict=True):
                room[:, :, at] = filled[:, :, 0]
            x = layer(x, normed, keys[:, :, : at + 1], values[:, :, : at + 1], tape.distances[number])
        if t == len(tape.hidden) - 1:
            tape.clear()
        hidden: Tensor = x.squeeze(0)
        return hidden

    def steps(self, tape: Tape, inputs: Tensor) -> Tensor:
        assert isinstance(tape, GatedTape)
        x: Tensor = self.encoder(inputs)
        for number, layer in enumerate(self.gated_layers()):
            normed = layer.norm(torch.cat([self._past(tape, number), x]))
            keys, values = layer.attention.keys_values(normed)
            x = layer(x, normed[-len(x) :], keys, values, layer.attention.distances(keys.shape[2]))
        return x
