"""Data that callbacks read from an agent: its statistics, and its memory as arrays to plot."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from episodic.errors import require
from episodic.memory.kernels import similarity_range
from episodic.memory.memory import Memory
from episodic.metrics.episode_statistics import NOTHING, RIGHT, WRONG, EpisodeStatistics
from episodic.plots.memory.memory_contents import UNKNOWN, MemoryContents
from episodic.plots.memory.memory_recall import ReadCounts
from episodic.tasks.bandit import BanditRules
from episodic.tasks.blocks import BlockSpec


def memory_of(pl_module: pl.LightningModule) -> Memory | None:
    """Return the episodic memory of an agent's module; None if the module has none with slots."""
    keyed = getattr(getattr(pl_module, "agent", None), "memory", None)
    store = getattr(keyed, "store", None)
    return store if isinstance(store, Memory) else None


def statistics_of(pl_module: pl.LightningModule, split: str) -> EpisodeStatistics | None:
    """Return an agent's statistics on `val` or `test`; None if the module keeps none."""
    evaluation = getattr(pl_module, "evaluation", None)
    return None if evaluation is None else evaluation.of(split)


def require_environment(environment: int, environments: int, split: str) -> None:
    """Raise `InputError` unless blocks of so many environments have this one."""
    require(
        0 <= environment < environments,
        f"environment is {environment}: a {split} block has {environments} environments, 0 to {environments - 1}",
    )


@torch.no_grad()
def read_contents(memory: Memory, spec: BlockSpec, environment: int, split: str) -> MemoryContents | None:
    """Read what a memory holds for one environment after a block; None if the memory has no environments.

    A memory that clusters its keys under the cosine kernel does so at unit length, so its keys are scaled to unit
    length too.

    Raises:
        InputError: the block does not have the environment.
    """
    require_environment(environment, spec.batch_size, split)
    if memory.batch_size == 0:
        return None
    slots = (part[environment] for part in (memory.keys, memory.values, memory.labels, memory.written))
    contents = MemoryContents.from_slots(*slots, environment=environment, split=split)
    arms = best_arms(contents.labels.to(spec.labels.device), spec, environment)
    contents = contents._replace(best_arms=None if arms is None else arms.cpu())
    centres: Tensor | None = getattr(memory, "centres", None)
    if centres is None:
        return contents
    keys = torch.nn.functional.normalize(contents.keys, dim=-1) if memory.kernel == "cosine" else contents.keys
    return contents._replace(keys=keys, centres=centres[environment].cpu())


def best_arms(labels: Tensor, spec: BlockSpec, environment: int) -> Tensor | None:
    """Return the best arm `[N]` long for each label `[N]`: UNKNOWN for labels that the block does not have.

    The first episode with a label says which context it is. None if the block has no arms.
    """
    if not isinstance(spec.rules, BanditRules):
        return None
    matches = labels.unsqueeze(1) == spec.labels[:, environment]  # [N, E]
    context = spec.rules.contexts[matches.long().argmax(dim=1), environment]  # argmax returns the first match
    arm = spec.rules.probabilities[environment, context].argmax(dim=1)
    return torch.where(matches.any(dim=1), arm, UNKNOWN)


def read_counts(statistics: EpisodeStatistics, memory: Memory) -> ReadCounts:
    """Add up the reads of all processes, on the CPU; every process must call this.

    The sampled similarities are those of this process only.
    """
    similarity, kinds = (part.cpu() for part in statistics.similarity_samples())
    names = {"right": RIGHT, "wrong": WRONG, "nothing recalled": NOTHING}
    unlimited = memory.threshold is None or memory.threshold == similarity_range(memory.kernel)[0]
    with statistics.sync_context(dist_sync_fn=statistics.dist_sync_fn):
        return ReadCounts(
            recalls=statistics.recalls.cpu().clone(),
            right=statistics.right.cpu().clone(),
            missed=statistics.missed.cpu().clone(),
            slots=(statistics.slots / statistics.slot_counts).cpu(),
            similarity={name: similarity[kinds == kind] for name, kind in names.items()},
            kernel=memory.kernel,
            threshold=None if unlimited else memory.threshold,
            capacity=memory.capacity,
        )
