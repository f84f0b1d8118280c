"""Whole episodes in one native call, where actions change nothing but the reward."""

from ctypes import addressof, byref, c_void_p

from torch import Tensor

from episodic.agents.choices import Choices, NativeChoices
from episodic.agents.episode_memory import EpisodeMemory
from episodic.native import dense, kernels
from episodic.native.library import Foreseen
from episodic.networks.core import Tape
from episodic.networks.native_lstm_tape import NativeLSTMTape
from episodic.tasks.task import Episode


def play_foreseen(tape: Tape, choices: Choices, game: Episode, rewards: Tensor, memory: EpisodeMemory | None) -> bool:
    """Play all steps of an episode that can be foreseen but for its choices; False where that is not so.

    That needs an episode with `payoffs`, queries that do not depend on what happens in the episode, and native tape
    and choices. Shapes: rewards `[T + 1, B, 1]`.
    """
    payoffs = getattr(game, "payoffs", None)
    native = isinstance(tape, NativeLSTMTape) and isinstance(choices, NativeChoices)
    if payoffs is None or not native or (memory is not None and not memory.foreseen):
        return False
    assert isinstance(tape, NativeLSTMTape)
    assert isinstance(choices, NativeChoices)
    steps = len(tape.hidden)
    reads = [None if memory is None else memory.read(t) for t in range(steps)]
    squashed = [None if part is None else dense(part, tape.cells[0]) for part in reads]
    pointers = (c_void_p * steps)(*[None if part is None else part.data_ptr() for part in squashed])
    payoffs = dense(payoffs, rewards.new_empty(()).expand(*choices.taken.shape[:2], choices.heads.actions))
    inputs, number = tape.inputs, rewards.element_size()
    call = Foreseen(
        addressof(pointers),
        payoffs.data_ptr(),
        choices.uniform_from,
        choices.taken_from,
        inputs.data_ptr() + inputs.stride(0) * number if choices.feedback else None,
        rewards.data_ptr() + rewards.stride(0) * number,
        inputs.stride(0),
        inputs.stride(1),
        rewards.stride(0),
        rewards.stride(1),
    )
    kernels().play(tape.reference, choices.packed.reference, byref(call))
    for t in range(steps if memory is not None and memory.schedule.writes_inside else 0):
        assert memory is not None
        memory.after(t)
    return True
