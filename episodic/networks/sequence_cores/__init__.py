"""Cores that play step by step and learn from all steps of an episode at once.

`GatedTransformerXL` looks back at the block by attention, `LinearRecurrentUnit` keeps a linear state over the block.
A `SequenceCore` has no reinstatement gate.
"""

from episodic.networks.sequence_cores.gated_transformer import GatedTransformerXL
from episodic.networks.sequence_cores.linear_recurrent_unit import LinearRecurrentUnit
from episodic.networks.sequence_cores.sequence_core import SequenceCore

__all__ = ["GatedTransformerXL", "LinearRecurrentUnit", "SequenceCore"]
