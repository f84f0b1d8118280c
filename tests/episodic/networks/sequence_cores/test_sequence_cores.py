"""Sequence cores: playing, replaying and a slow loop agree over a whole block, and so do their gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from episodic.errors import InputError
from episodic.networks.core import Core, Tape
from episodic.networks.sequence_cores import GatedTransformerXL, LinearRecurrentUnit
from episodic.networks.sequence_cores.sequence_core import SequenceCore, SequenceTape
from tests.episodic.networks.cores import BATCH, INPUT, STEPS, draw, gradients, play
from tests.episodic.networks.sequence_cores.sequences import (
    EPISODES,
    block_inputs,
    linear,
    play_block,
    slow_linear,
    slow_transformer,
    transformer,
)

Build = Callable[..., Core]
CORES = pytest.mark.parametrize("build", [transformer, linear])


def slow(core: Core, rows: Tensor, constant: int = 0) -> Tensor:
    """Hidden states `[R, B, H]` of rows `[R, B, I]` by the slow loop of a core."""
    if isinstance(core, GatedTransformerXL):
        return torch.stack([slow_transformer(core, row, constant) for row in rows.unbind(1)], dim=1)
    assert isinstance(core, LinearRecurrentUnit)
    return torch.stack([slow_linear(core, row, constant) for row in rows.unbind(1)], dim=1)


@CORES
def test_a_block_played_step_by_step_equals_the_slow_loop(build: Build) -> None:
    core, inputs = build(), block_inputs()
    expected = slow(core, inputs.flatten(0, 1)).unflatten(0, (EPISODES, STEPS + 1))
    for tape, hidden in zip(play_block(core, inputs), expected, strict=True):
        torch.testing.assert_close(tape.hidden, hidden[:-1].detach())
        assert torch.equal(core.candidates(tape).hidden, tape.hidden)


@CORES
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_replay_of_every_episode_equals_its_playing(build: Build, dtype: torch.dtype, error: float) -> None:
    core = build().to(dtype)
    for tape in play_block(core, block_inputs().to(dtype)):
        torch.testing.assert_close(core.replay(tape, None).detach(), tape.hidden, atol=error, rtol=error)


@CORES
def test_gradients_equal_those_of_the_slow_loop_within_the_episode(build: Build) -> None:
    core, inputs = build(), block_inputs()
    tapes, last = play_block(core, inputs), inputs[-1, :-1].clone().requires_grad_()
    wanted = [last, *core.parameters()]
    rows = torch.cat([inputs[:-1].flatten(0, 1), last])
    hidden = slow(core, rows, constant=len(rows) - STEPS)[-STEPS:]
    pairs = zip(gradients(core.replay(tapes[-1], None, last), wanted), gradients(hidden, wanted), strict=True)
    for replayed, expected in pairs:
        torch.testing.assert_close(replayed, expected)


class Replayed(nn.Module):
    """The replay of an episode as a function of a core's parameters."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core

    def forward(self, tape: Tape, inputs: Tensor) -> Tensor:
        return self.core.replay(tape, None, inputs)


@CORES
def test_gradients_equal_finite_differences(build: Build) -> None:
    core = build()
    tape, names = (
        play_block(core, block_inputs()[:, :, :1])[-1],
        [f"core.{name}" for name, _ in core.named_parameters()],
    )

    def replayed(inputs: Tensor, *parameters: Tensor) -> Tensor:
        state = dict(zip(names, parameters, strict=True))
        hidden: Tensor = functional_call(Replayed(core), state, (tape, inputs))
        return hidden

    given = [tape.inputs[:-1].clone(), *(parameter.detach().clone() for parameter in core.parameters())]
    assert torch.autograd.gradcheck(replayed, [part.requires_grad_() for part in given], fast_mode=True)


@CORES
def test_later_steps_do_not_change_earlier_ones(build: Build) -> None:
    core, inputs = build(), draw(STEPS, BATCH, INPUT)
    tape, _ = play(core, inputs, None)
    changed = inputs.clone()
    changed[3:] = 5.0
    hidden, other = core.replay(tape, None, inputs), core.replay(tape, None, changed)
    torch.testing.assert_close(hidden[:3], other[:3])
    assert not torch.allclose(hidden[3:], other[3:])


@CORES
def test_changing_one_row_leaves_the_others(build: Build) -> None:
    core, inputs = build(), block_inputs()
    changed = inputs.clone()
    changed[:, :, 0] = 5.0
    one, other = (play_block(core, x)[-1].hidden for x in (inputs, changed))
    torch.testing.assert_close(one[:, 1], other[:, 1])
    assert not torch.allclose(one[:, 0], other[:, 0])


@CORES
def test_a_replay_can_be_repeated_after_the_next_episode(build: Build) -> None:
    core, inputs = build(), block_inputs()
    first, _ = play(core, inputs[0, :-1], None)
    before = core.replay(first, None)
    second, _ = play(core, inputs[1, :-1], None, first)
    assert torch.equal(core.replay(first, None), before)
    assert not torch.allclose(core.replay(second, None), before)


@CORES
def test_the_gradient_of_an_episode_can_wait_for_the_next_one(build: Build) -> None:
    core, inputs, results = build(), block_inputs(), []
    for waits in (True, False):
        tapes = [play(core, inputs[0, :-1], None)[0]]
        hidden = core.replay(tapes[0], None) if waits else None
        for rows in inputs[1:]:
            tapes.append(play(core, rows[:-1], None, tapes[-1])[0])
        results.append(gradients(core.replay(tapes[0], None) if hidden is None else hidden, list(core.parameters())))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("core", [GatedTransformerXL, LinearRecurrentUnit])
def test_a_memory_beside_it_is_refused(core: Build) -> None:
    with pytest.raises(InputError, match="cannot reinstate a recalled state: set memory to null"):
        core(INPUT, True)


@pytest.mark.parametrize(
    ("core", "options", "message"),
    [
        (GatedTransformerXL, {"heads": 3}, "heads is 3: it must divide hidden_size, which is 32"),
        (GatedTransformerXL, {"layers": 0}, "layers is 0"),
        (GatedTransformerXL, {"gate_bias": float("nan")}, "gate_bias is nan: it must be a finite number"),
        (LinearRecurrentUnit, {"state_size": 0}, "state_size is 0"),
        (LinearRecurrentUnit, {"min_radius": 0.0, "max_radius": 1e-30}, "and max_radius at least 0.001"),
        (LinearRecurrentUnit, {"max_radius": 1.0}, "it must be 0 <= min_radius < max_radius < 1"),
        (LinearRecurrentUnit, {"max_phase": 4.0}, "max_phase is 4.0: it must be more than 0, and at most pi"),
        (LinearRecurrentUnit, {"lasts": "day"}, "core.lasts is 'day': it must be one of episode, block"),
    ],
)
def test_bad_numbers_are_named(core: Build, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        core(INPUT, False, **options)


def test_a_whole_number_is_a_bias_of_gates_too() -> None:
    assert GatedTransformerXL(INPUT, False, gate_bias=3).gated_layers()[0].mlp_gate.bias.eq(3.0).all()


class NoBlocks(SequenceCore):
    """Defines what every core must, and nothing for a state that lasts for a block."""

    def __init__(self, input_size: int, reinstatement: bool, lasts: str = "block") -> None:
        super().__init__(input_size, reinstatement, 4, lasts)

    def tape(self, steps: int, batch_size: int) -> SequenceTape:
        return SequenceTape(self, steps, batch_size)

    def step(self, tape: Tape, t: int) -> Tensor:
        return tape.inputs[t]

    def steps(self, tape: Tape, inputs: Tensor) -> Tensor:
        return inputs


def test_a_core_that_cannot_carry_its_state_over_is_refused_a_block() -> None:
    with pytest.raises(InputError, match=r"core\.lasts is block: NoBlocks must define carry and restart, or lasts be"):
        NoBlocks(4, False)
    assert NoBlocks(4, False, "episode").lasts == "episode"


def test_a_new_linear_layer_forgets_at_rates_within_the_bounds() -> None:
    core = LinearRecurrentUnit(INPUT, False, state_size=500, min_radius=0.5, max_radius=0.9)
    for layer in core.recurrent_layers():
        radius = layer.decay().abs()
        assert 0.5 <= radius.min() < 0.6
        assert 0.85 < radius.max() <= 0.9
        torch.testing.assert_close(layer.log_gamma.exp().square() + radius.square(), torch.ones(500))
