"""What the parts of an episodic agent, its task and its trainer have to be for each other; one line where not."""

from collections.abc import Mapping

from torch import nn

from episodic.agents.cue_learning import CueLearning
from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearning
from episodic.errors import require
from episodic.memory.memory import Memory


def require_one_learner(
    encoder: KeyEncoder | None, online: OnlineLearning | None, cue_learning: CueLearning | None
) -> None:
    """At most one encoder learns, and the memory keeps what it learns from."""
    require(
        online is None or cue_learning is None, "online and cue_learning are both given: one of them has to be null"
    )
    require(
        encoder is None or cue_learning is None,
        "cue_learning is given with key_source 'encoder': the memory then keeps states, no drawings to learn from",
    )


def require_memory(
    memory: Memory | None, encoder: KeyEncoder | None, cue_learning: CueLearning | None, stack_labels: str
) -> None:
    """There is a memory where something makes keys for it or learns from it, and it is organised for that."""
    require(
        memory is None or memory.stacks is None or cue_learning is None,
        f"memory is a {type(memory).__name__} with stacks: cue_learning needs EpisodicMemory, which keeps every drawing",
    )
    require(
        stack_labels == "context" or (memory is not None and memory.by_label),
        f"stack_labels is {stack_labels!r}: the memory must be a StackMemory without match_above",
    )
    require(memory is not None or encoder is None, "memory is null: key_source 'encoder' makes keys for one")
    require(memory is not None or cue_learning is None, "memory is null: cue_learning learns from what it holds")


def require_initial(initial: str | None, freeze_network: bool) -> None:
    """A network that stays as it is comes from somewhere."""
    require(
        initial is not None or not freeze_network,
        "freeze_network is true: initial has to name the agent whose network stays as it is",
    )


def require_sizes(own: Mapping[str, int], of_data: Mapping[str, int]) -> None:
    """The sizes that the agent was built with are those of the data."""
    for name, size in of_data.items():
        require(own.get(name, size) == size, f"model.{name} is {own.get(name)}: the data's is {size}")


def require_learning(module: nn.Module, world_size: int) -> None:
    """Something learns where several processes wait for each other's gradients."""
    learning = any(parameter.requires_grad for parameter in module.parameters())
    require(
        learning or world_size == 1,
        f"freeze_network is true and nothing else learns: that takes one process, not {world_size}",
    )
