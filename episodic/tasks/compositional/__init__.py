"""The compositional bandit: `CompositionalBandit` shows barcodes, `CompositionalDrawingBandit` shows drawings."""

from episodic.tasks.compositional.bandit import CompositionalBandit
from episodic.tasks.compositional.drawing_bandit import CompositionalDrawingBandit
from episodic.tasks.compositional.rules import FAMILIARITY, CompositionalRules

__all__ = ["FAMILIARITY", "CompositionalBandit", "CompositionalDrawingBandit", "CompositionalRules"]
