"""Block specifications as plain dictionaries of tensors."""

from torch import Tensor

from episodic.tasks.blocks import BlockSpec


def tensors(spec: BlockSpec, *left_out: str) -> dict[str, Tensor]:
    """All tensors of a specification by name, those of its rules included."""
    fields = {**spec._asdict(), **(spec.rules._asdict() if spec.rules is not None else {})}
    return {name: value for name, value in fields.items() if isinstance(value, Tensor) and name not in left_out}
