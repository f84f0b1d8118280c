"""The metrics that each kind of module logs, so that a grid with a misspelt one is refused before it is run."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from episodic.errors import require
from experiments.planning.yaml_files import read_yaml

BY_NUMBER = r"(_(exposure|pull)_\d\d)?"
DRAWINGS = r"(recall_at_1|map_at_r|\d+way_\d+shot|\d+way_presentation_\d\d|within_alphabet_error)(_rotated)?"
ENCODER_TRAINING = r"train/(loss|accuracy|softmax|triplet|kaiser|learning_rate)"
#: Patterns of the names by the class of a config's model. `MEASURES` is replaced by the task's measures.
LOGGED = {
    "EpisodicAgent": (
        r"(val|test)/(reward|MEASURES)(_exposure_\d\d)?",
        r"(val|test)/(recall_accuracy(_pull_\d\d)?|ideal_fraction|nothing_recalled|slots_in_use)",
        r"train/(reward|loss|policy_loss|value_loss|entropy|entropy_weight|learning_rate)",
        r"train/encoder_(loss|accuracy)",
    ),
    "HiddenStateEncoder": (
        rf"(val|test)/(recall_at_1|accuracy){BY_NUMBER}",
        r"(val|test)/(map_at_r|separation|similarity_(same|different))",
        ENCODER_TRAINING,
    ),
    "OmniglotEncoder": (rf"(val|test)/{DRAWINGS}", ENCODER_TRAINING),
    "OmniglotAutoencoder": (
        r"train/(reconstruction_mse|loss|learning_rate)",
        r"(val|test)/reconstruction_mse",
        r"test/pca_mse",
        rf"(val|test)/{DRAWINGS}",
    ),
}
#: What the project's tasks measure; your own task may measure anything.
TASKS = {
    "BarcodeBandit": r"regret",
    "DrawingBandit": r"regret",
    "CompositionalBandit": r"regret(_(new|good_familiar|bad_familiar|familiar))?",
    "CompositionalDrawingBandit": r"regret(_(new|good_familiar|bad_familiar|familiar))?",
    "ContextualChoice": r"regret",
    "RepeatPrevious": r"regret",
    "TwoStep": r"stay_(uncued|cued|episodic)_(un)?rewarded_(un)?common",
    "WaterMaze": r"steps_to_goal|found",
}


def check_metrics(metrics: Iterable[str], configs: Iterable[Path]) -> None:
    """Check that each metric is logged by at least one of the configs.

    Raises:
        InputError: none of them logs it. Modules that are not the project's own may log anything.
    """
    contents = {path: read_yaml(path) for path in sorted(configs)}
    patterns = [pattern for content in contents.values() for pattern in logged_by(content)]
    for metric in metrics:
        known = any(re.fullmatch(pattern, metric) for pattern in patterns)
        names = ", ".join(path.name for path in contents)
        require(known, f"metrics: {metric!r} is logged by none of {names}: it must be a name such as test/reward")


def logged_by(config: Any) -> tuple[str, ...]:
    """Return patterns of the names that a config's runs log.

    >>> import re
    >>> patterns = logged_by({"model": {"class_path": "EpisodicAgent"}})
    >>> [any(re.fullmatch(pattern, name) for pattern in patterns) for name in ("test/reward", "test/rewards")]
    [True, False]
    """
    model = _class(config, "model")
    if model not in LOGGED:
        return (r".+",)
    settings = config.get("data") or {}
    task = _class(settings.get("init_args") or {}, "task")
    measures = r"\w+" if task and task not in TASKS else TASKS.get(task, "regret")
    return tuple(pattern.replace("MEASURES", measures) for pattern in LOGGED[model])


def _class(part: Any, key: str) -> str:
    """Return the short class name of a part of a config; empty if it has none."""
    value = part.get(key) if isinstance(part, dict) else None
    path = value.get("class_path", "") if isinstance(value, dict) else value
    return str(path or "").rpartition(".")[2]
