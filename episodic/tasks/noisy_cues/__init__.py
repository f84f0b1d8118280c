"""Bayes players of the barcode bandit that see only the noisy cue: the best possible reward with noise.

`bayes_rewards` plays a block. `KnownCodes`, `ListedCodes` and `InferredCodes` hold what the player believes about
barcodes, `Particles` what it believes about which episodes were of one context.
"""

from episodic.tasks.noisy_cues.codes import CodeBelief, FlipModel, InferredCodes, KnownCodes, ListedCodes
from episodic.tasks.noisy_cues.particles import Particles, resample
from episodic.tasks.noisy_cues.player import FLIPS, KNOWN, bayes_rewards

__all__ = [
    "FLIPS",
    "KNOWN",
    "CodeBelief",
    "FlipModel",
    "InferredCodes",
    "KnownCodes",
    "ListedCodes",
    "Particles",
    "bayes_rewards",
    "resample",
]
