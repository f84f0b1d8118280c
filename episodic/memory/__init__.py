"""Memories: key-value stores that an agent, or an encoder in training, writes to and searches by similarity.

- `EpisodicMemory` gives every write a slot (Ritter et al. 2018); `StackMemory` keeps one slot for each task.
- `FuzzyMemory` is read through fuzzy clusters of its keys; `fuzzy_c_means` is the clustering itself.
- `AttentionMemory` mixes all values by soft attention, whose projections the read trains.
- `DeltaMemory` keeps no slots but one matrix, written by the delta rule (Schlag et al. 2021).
- `KaiserMemory` holds labelled keys for training an encoder (Kaiser et al. 2017).

All but the last are a `Store`: one for each environment of a batch, cleared by `reset`, written by `write`, and
searched by `read`, which answers with a `Recall`. A `Memory` is a store with slots.
"""

from episodic.memory.attention_memory import AttentionMemory
from episodic.memory.delta_memory import DeltaMemory
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy.fuzzy_c_means import FuzzyClusters, fuzzy_c_means
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.fuzzy.memberships import memberships
from episodic.memory.kaiser_memory import KaiserAnswer, KaiserMemory
from episodic.memory.kernels import KERNELS
from episodic.memory.memory import Memory
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.sampling import draw_stored
from episodic.memory.stack_memory import StackMemory
from episodic.memory.stacks import Stacks
from episodic.memory.store import Store
from episodic.memory.updates import UPDATES
from episodic.memory.weights import WEIGHTINGS, Neighbours

__all__ = [
    "EMPTY",
    "KERNELS",
    "UPDATES",
    "WEIGHTINGS",
    "AttentionMemory",
    "DeltaMemory",
    "EpisodicMemory",
    "FuzzyClusters",
    "FuzzyMemory",
    "KaiserAnswer",
    "KaiserMemory",
    "Memory",
    "Neighbours",
    "Recall",
    "StackMemory",
    "Stacks",
    "Store",
    "draw_stored",
    "fuzzy_c_means",
    "memberships",
]
