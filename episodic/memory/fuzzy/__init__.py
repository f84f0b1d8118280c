"""Fuzzy c-means, batched, and a memory that is read through its clusters."""

from episodic.memory.fuzzy.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.fuzzy.memberships import memberships

__all__ = ["FuzzyMemory", "fuzzy_c_means", "memberships"]
