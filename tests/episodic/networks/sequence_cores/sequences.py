"""Blocks for sequence cores, and slow oracles: loops over single vectors, written from the papers' equations."""

import math
from typing import TypeVar

import torch
from torch import Tensor

from episodic.networks.core import Core, Tape
from episodic.networks.sequence_cores import GatedTransformerXL, LinearRecurrentUnit
from episodic.networks.sequence_cores.gated_transformer import RecurrentGate
from tests.episodic.networks.cores import BATCH, INPUT, STEPS, draw, play

EPISODES = 3
C = TypeVar("C", bound=Core)


def transformer(lasts: str = "block") -> GatedTransformerXL:
    return rough(GatedTransformerXL(INPUT, False, hidden_size=4, layers=2, heads=2, lasts=lasts))


def linear(lasts: str = "block") -> LinearRecurrentUnit:
    return rough(LinearRecurrentUnit(INPUT, False, hidden_size=4, state_size=3, layers=2, lasts=lasts))


def rough(core: C) -> C:
    """The core in double precision, every weight moved at random, biases of norms and gates included."""
    torch.manual_seed(1)
    core = core.double()
    with torch.no_grad():
        for number, parameter in enumerate(core.parameters()):
            parameter.add_(0.3 * draw(*parameter.shape, seed=20 + number))
    return core


def play_block(core: Core, inputs: Tensor) -> list[Tape]:
    """Play a block of inputs `[E, T + 1, B, I]`, the state going on from episode to episode."""
    tapes: list[Tape] = []
    for rows in inputs:
        tape, _ = play(core, rows[:-1], None, tapes[-1] if tapes else None)
        tape.inputs[-1] = rows[-1]
        tapes.append(tape)
    return tapes


def block_inputs() -> Tensor:
    return draw(EPISODES, STEPS + 1, BATCH, INPUT)


def slow_linear(core: LinearRecurrentUnit, inputs: Tensor, constant: int = 0) -> Tensor:
    """Hidden states `[R, H]` of one environment's whole block; the states after the first rows get no gradient."""
    states, hidden = [torch.zeros(core.state_size, dtype=torch.complex128) for _ in core.layers], []
    for count, row in enumerate(inputs):
        if count == constant:
            states = [state.detach() for state in states]
        x = core.encoder(row)
        for number, layer in enumerate(core.recurrent_layers()):
            u, n = layer.norm(x), core.state_size
            state = []
            for unit in range(n):
                decay = torch.exp(torch.complex(-torch.exp(layer.nu[unit]), torch.exp(layer.theta[unit])))
                b = torch.complex(layer.to_state[:, unit], layer.to_state[:, n + unit])
                gamma = torch.exp(layer.log_gamma[unit])
                state.append(decay * states[number][unit] + gamma * (b * u).sum())
            states[number] = torch.stack(state)
            c = torch.complex(layer.from_state[:n], layer.from_state[n:])
            sums = (c * states[number].unsqueeze(1)).sum(0)
            y = sums.real + layer.skip * u
            y = 0.5 * y * (1 + torch.erf(y / math.sqrt(2)))
            v, w = layer.gated(y).chunk(2)
            x = x + v * torch.sigmoid(w)
        hidden.append(core.norm(x))
    return torch.stack(hidden)


def slow_transformer(core: GatedTransformerXL, inputs: Tensor, constant: int = 0) -> Tensor:
    """Hidden states `[R, H]` of one environment's whole block; layer inputs of the first rows get no gradient."""
    size = core.hidden_size
    streams = [[core.encoder(row) for row in inputs]]
    for layer in core.gated_layers():
        below = [x.detach() if row < constant else x for row, x in enumerate(streams[-1])]
        normed, above, attention = [layer.attention.norm(x) for x in below], [], layer.attention
        keys, values = [attention.key(x) for x in normed], [attention.value(x) for x in normed]
        codes = [attention.distance(slow_code(apart, size)) for apart in range(len(below))]
        for i, x in enumerate(below):
            heads = []
            for head in range(core.heads):
                part = slice(head * size // core.heads, (head + 1) * size // core.heads)
                query = attention.query(normed[i])[part]
                scores = []
                for j in range(i + 1):
                    by_content = (query + attention.content_bias[head, 0]) @ keys[j][part]
                    by_distance = (query + attention.distance_bias[head, 0]) @ codes[i - j][part]
                    scores.append((by_content + by_distance) / math.sqrt(size / core.heads))
                weights = torch.stack(scores).softmax(0)
                heads.append(torch.stack([w * values[j][part] for j, w in enumerate(weights)]).sum(0))
            y = slow_gate(layer.attention_gate, x, torch.relu(attention.output(torch.cat(heads))))
            above.append(slow_gate(layer.mlp_gate, y, torch.relu(layer.mlp(y))))
        streams.append(above)
    return torch.stack(streams[-1])


def slow_code(apart: int, size: int) -> Tensor:
    """The code `[size]` of a distance."""
    angles = [apart / 10000 ** (2 * k / size) for k in range(size // 2)]
    return torch.tensor([*map(math.sin, angles), *map(math.cos, angles)], dtype=torch.float64)


def slow_gate(gate: RecurrentGate, x: Tensor, y: Tensor) -> Tensor:
    """The GRU's gate, from the rows of its matrices."""
    w_r, w_z, w_g = gate.branch.weight.chunk(3)
    u_r, u_z = gate.stream.weight.chunk(2)
    r, z = torch.sigmoid(w_r @ y + u_r @ x), torch.sigmoid(w_z @ y + u_z @ x - gate.bias)
    h = torch.tanh(w_g @ y + gate.candidate.weight @ (r * x))
    return (1 - z) * x + z * h
