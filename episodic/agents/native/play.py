"""Whole episodes in one native call."""

from ctypes import addressof, byref, c_void_p

from torch import Tensor

from episodic.agents.choices import Choices, NativeChoices
from episodic.agents.episode_memory import EpisodeMemory
from episodic.agents.native.games import native_game
from episodic.agents.native.memory import native_memory
from episodic.native import dense, kernels
from episodic.native.library import EpisodeCall, address_of
from episodic.networks.core import Tape
from episodic.networks.native_lstm_tape import NativeLSTMTape
from episodic.tasks.task import Episode


def play_natively(
    tape: Tape, choices: Choices, game: Episode, rewards: Tensor, memory: EpisodeMemory | None, observation: int
) -> bool:
    """Play an episode, with its reads and writes, if the kernels support all parts; otherwise return False.

    A memory that they do not know will do if all its reads can be made before the episode.

    Args:
        tape: of the episode.
        choices: of the episode.
        game: what the actions lead to.
        rewards: `[T, B]`, to be filled in.
        memory: of the episode, if any.
        observation: where the observation begins in the core's input.
    """
    if not (isinstance(tape, NativeLSTMTape) and isinstance(choices, NativeChoices)):
        return False
    if (native := native_game(game)) is None:
        return False
    known = None if memory is None else native_memory(memory)
    if memory is not None and known is None and not memory.foreseen:
        return False
    given: list[Tensor | None] = [None] * tape.steps
    if memory is not None and known is None:
        reads = [memory.read(t) for t in range(tape.steps)]
        given = [None if part is None else dense(part, tape.cells[0]) for part in reads]
    squashed = (c_void_p * tape.steps)(*[None if part is None else part.data_ptr() for part in given])
    call = EpisodeCall(
        choices.uniform_from,
        choices.taken_from,
        choices.inputs_from,
        *tape.inputs.stride()[:2],
        choices.feedback,
        observation,
        address_of(native.step),
        addressof(native.structure),
        rewards.data_ptr(),
        *rewards.stride(),
        addressof(squashed),
        None if known is None else addressof(known.structure),
    )
    refused = kernels().play(tape.reference, choices.packed.reference, byref(call))
    tape.heads = choices.packed
    if known is not None:
        known.finish(refused)
    elif memory is not None:
        for t in range(tape.steps):
            memory.after(t)
        memory.finish()
    return True
