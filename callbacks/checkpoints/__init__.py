"""A run's checkpoints: when they are written, how their files are replaced, and how a training continues from one.

- `RunCheckpoint`, `LastCheckpoint`: `best.ckpt`, at the end of an epoch, and `last.ckpt`, wherever a training stops.
- `RandomState`, `FiniteLosses`: the random generators in a checkpoint; no checkpoint of a training that diverged.
- `CheckpointFiles`: reads checkpoints without running code, and replaces their files as a whole.
- `use_exact_loops`: Lightning's training loops, which stop and continue between two batches.
"""

from callbacks.checkpoints.best import RunCheckpoint
from callbacks.checkpoints.files import CheckpointFiles
from callbacks.checkpoints.finite_losses import FiniteLosses
from callbacks.checkpoints.last import LastCheckpoint, logged_before
from callbacks.checkpoints.loops import use_exact_loops
from callbacks.checkpoints.nothing_left import nothing_left
from callbacks.checkpoints.random_state import RandomState

__all__ = [
    "CheckpointFiles",
    "FiniteLosses",
    "LastCheckpoint",
    "RandomState",
    "RunCheckpoint",
    "logged_before",
    "nothing_left",
    "use_exact_loops",
]
