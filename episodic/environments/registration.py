"""Registers the environments with Gymnasium."""

try:
    from gymnasium.envs.registration import register, registry
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "gymnasium is not installed: pip install gymnasium, or the extra 'environments' of episodic-memory-lab",
        name="gymnasium",
    ) from None

#: Names of the tasks that have an environment, `episodic/NAME-v0`.
ENVIRONMENTS = (
    "BarcodeBandit",
    "CompositionalBandit",
    "CompositionalDrawingBandit",
    "ContextualChoice",
    "DrawingBandit",
    "RepeatPrevious",
    "TwoStep",
    "WaterMaze",
)


def register_environments() -> None:
    """Register `episodic/NAME-v0` for each task, unless it is registered already."""
    for name in ENVIRONMENTS:
        if (identifier := f"episodic/{name}-v0") not in registry:
            register(
                id=identifier,
                entry_point="episodic.environments.task_env:TaskEnv",
                vector_entry_point="episodic.environments.task_vector_env:TaskVectorEnv",
                kwargs={"task": name},
            )
