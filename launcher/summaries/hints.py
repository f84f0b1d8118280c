"""A hint on a setting that metrics show to be wrong."""

from collections.abc import Mapping

from lightning_modules.episodic_agent import EpisodicAgent

#: Share of reads above which a memory recalls so little that its threshold must be wrong.
SILENT = 0.95


def memory_hint(model: object, metrics: Mapping[str, float]) -> str | None:
    """Say that a memory recalls next to nothing because of its threshold; None where that is not so.

    Args:
        model: the command's Lightning module.
        metrics: by name, such as `val/nothing_recalled`.
    """
    memory = model.agent.memory if isinstance(model, EpisodicAgent) else None
    threshold = getattr(memory.store, "threshold", None) if memory is not None else None
    silent = max((value for name, value in metrics.items() if name.endswith("/nothing_recalled")), default=0.0)
    if threshold is None or silent < SILENT:
        return None
    return (
        f"{silent:.1%} of the reads recall nothing: no stored key is as similar to the query as "
        f"model.memory.threshold, {threshold:g}; choose a lower one, or null to recall the nearest"
    )
