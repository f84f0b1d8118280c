"""The random numbers of a training step."""

import os

import numpy as np
import pytorch_lightning as pl
import torch


def step_generator(module: pl.LightningModule, batch_idx: int) -> torch.Generator:
    """A generator on the CPU that is a pure function of (seed, epoch, batch, rank): a resume draws the same."""
    seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
    sequence = np.random.SeedSequence([seed, module.current_epoch, batch_idx, module.global_rank])
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
