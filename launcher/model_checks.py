"""What a command fills in of a model's configuration, and how it checks a checkpoint against the model."""

from importlib import import_module

import torch
from jsonargparse import Namespace
from pytorch_lightning import LightningDataModule, LightningModule

from datamodules import BlockDataModule, HiddenStateDataModule, OmniglotDataModule
from episodic.checkpoints import describe_checkpoint
from episodic.errors import InputError, require
from lightning_modules import EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder, OmniglotEncoder

#: Where an agent's state holds the contents of its memory, which no checkpoint keeps.
MEMORY = "agent.memory.store."

#: The data of each stage.
STAGES: dict[type[LightningModule], type[LightningDataModule]] = {
    EpisodicAgent: BlockDataModule,
    OmniglotEncoder: OmniglotDataModule,
    OmniglotAutoencoder: OmniglotDataModule,
    HiddenStateEncoder: HiddenStateDataModule,
}


def check_stage(class_path: str, data: LightningDataModule) -> None:
    """Raise `InputError` if a model of one stage gets the data of another.

    Classes from elsewhere are let pass: they may be made for each other.
    """
    module, _, name = class_path.rpartition(".")
    model = getattr(import_module(module), name, object)
    needed = next((wanted for kind, wanted in STAGES.items() if issubclass(model, kind)), None)
    require(
        needed is None or isinstance(data, needed) or not isinstance(data, tuple(STAGES.values())),
        f"data is {type(data).__name__}, which {model.__name__} cannot learn from: "
        f"it needs {needed.__name__ if needed else ''}",
    )


def fill_in_drawing_embedder(arguments: Namespace) -> None:
    """Describe an agent's embedder of drawings as its checkpoint does, so that the run needs that file no more."""
    embedder = _part(_part(arguments, "perception"), "embedder")
    checkpoint = _part(arguments, "warm_start").get("drawings")
    missing = [name for name in ("network", "arguments") if name in embedder and not embedder[name]]
    if checkpoint and missing:
        description = describe_checkpoint(checkpoint)
        for name in missing:
            embedder[name] = description[name]


def _part(arguments: Namespace, name: str) -> Namespace:
    """The arguments of a part; none if it is not given."""
    part = arguments.get(name)
    settings = part.get("init_args") if isinstance(part, Namespace) else None
    return settings if isinstance(settings, Namespace) else Namespace()


def check_fit(saved: dict[str, torch.Tensor], model: LightningModule, path: str) -> None:
    """Raise `InputError` if a checkpoint's weights do not fit the model that the config describes."""
    contents = {f"{MEMORY}{name}" for name, _ in _memory(model).named_buffers()}  # of any batch, and not looked at
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items() if name not in contents}
    present = {name: tensor.shape for name, tensor in saved.items() if name not in contents}
    kind = type(model).__name__
    require(
        not present or bool(wanted.keys() & present.keys()),
        f"checkpoint {path} is not one of this {kind}: another stage or an earlier version made it, train it again",
    )
    missing, unknown = sorted(wanted.keys() - present.keys()), sorted(present.keys() - wanted.keys())
    if missing or unknown:
        name, fault = (missing[0], "lacks") if missing else (unknown[0], "holds an unknown")
        raise InputError(f"checkpoint {path} is not one of this {kind}: it {fault} {name}")
    for name, shape in wanted.items():
        require(
            present[name] == shape,
            f"checkpoint {path} does not fit this {kind}: {name} is {list(present[name])} there and {list(shape)} here",
        )


def _memory(model: LightningModule) -> torch.nn.Module:
    """An agent's store; an empty module if there is none."""
    memory = model.agent.memory if isinstance(model, EpisodicAgent) else None
    return memory.store if memory is not None else torch.nn.Module()
