"""The weights of a trained agent, for one that is built alike."""

from pathlib import Path

from torch import Tensor, nn

from episodic.checkpoints.embedders import read_checkpoint, with_prefix
from episodic.errors import require

#: Beginnings of the names of an agent's network weights, and where its checkpoint keeps them.
PARTS, PREFIX = ("projection.", "core.", "heads."), "agent."


def copy_agent(agent: nn.Module, path: str | Path) -> None:
    """Copy projection, core and heads of an agent's checkpoint into another agent.

    Args:
        agent: an `episodic.agents.Agent`; takes the weights, on its own device.
        path: of the checkpoint, see `read_checkpoint`.

    Raises:
        InputError: see `read_checkpoint`; a checkpoint of something else than an agent; an agent of other sizes.
    """
    saved = _network(with_prefix(read_checkpoint(path)["state_dict"], PREFIX))
    wanted = _network(agent.state_dict())
    require(
        saved.keys() == wanted.keys(),
        f"checkpoint {path} holds no agent that is built like this one: an EpisodicAgent with the same core, of this "
        "version, is needed",
    )
    for name, tensor in wanted.items():
        there, here = list(saved[name].shape), list(tensor.shape)
        require(there == here, f"checkpoint {path} holds an agent with {name} of {there}: here it is {here}")
    agent.load_state_dict(saved, strict=False)


def _network(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name.startswith(PARTS)}
