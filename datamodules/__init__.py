"""Lightning data modules: batches of drawings, of hidden states and of task blocks.

Orders and samples are pure functions of seed, split, rank and index, so that runs are reproducible and can be resumed.
"""

from datamodules.blocks import BlockDataModule
from datamodules.hidden_states import HiddenStateDataModule
from datamodules.omniglot import OmniglotDataModule
from datamodules.omniglot_bandit import OmniglotBanditDataModule

__all__ = [
    "BlockDataModule",
    "HiddenStateDataModule",
    "OmniglotBanditDataModule",
    "OmniglotDataModule",
]
