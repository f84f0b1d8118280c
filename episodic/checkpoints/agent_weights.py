"""The weights of a trained agent, for a network that is built alike."""

from pathlib import Path

from episodic.checkpoints.embedders import read_checkpoint, with_prefix
from episodic.errors import require
from episodic.networks.actor_critic import RecurrentActorCritic


def copy_agent(network: RecurrentActorCritic, path: str | Path) -> None:
    """Copy LSTM and heads of an agent's checkpoint into a network.

    Args:
        network: takes the weights, on its own device.
        path: of the checkpoint, see `episodic.checkpoints.embedders.read_checkpoint`.

    Raises:
        InputError: see `read_checkpoint`; a checkpoint of something else than an agent; an agent of other sizes.
    """
    found, wanted = with_prefix(read_checkpoint(path)["state_dict"], "network."), network.state_dict()
    require(found.keys() == wanted.keys(), f"checkpoint {path} holds no agent: one of an EpisodicAgent is needed")
    for name, tensor in wanted.items():
        there, here = list(found[name].shape), list(tensor.shape)
        require(there == here, f"checkpoint {path} holds an agent with network.{name} of {there}: here it is {here}")
    network.load_state_dict(found)
