"""TensorBoard's page "Custom Scalars": the most useful metrics, training and validation in one plot."""

import re
from collections.abc import Iterable

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.trainer.states import TrainerFn

from callbacks.loggers.names import NUMBERED
from callbacks.pictures import keeps_files

#: Metrics of one plot each, as regular expressions; plots without any such metric are left out.
CHARTS = {
    "reward": r"(train|val)/reward",
    "share of the ideal player's reward": r"val/ideal_fraction",
    "reward by exposure": r"val/reward_exposure_\d+",
    "regret by exposure": r"val/regret_exposure_\d+",
    "reads: of the right context, and without result": r"val/(recall_accuracy|nothing_recalled)",
    "slots in use": r"val/slots_in_use",
    "reconstruction error": r"(train|val)/reconstruction_mse",
    "accuracy": r"(train|val)/(encoder_)?accuracy",
    "accuracy by exposure": r"val/accuracy_exposure_\d+",
    "retrieval": r"val/(recall_at_1|map_at_r)",
    "few-shot accuracy": r"val/\d+way_\d+shot",
    "separation of contexts": r"val/(separation|similarity_same|similarity_different)",
    "losses": r"train/((policy_|value_|encoder_)?loss|softmax|triplet|kaiser)",
    "entropy": r"train/entropy(_weight)?",
    "learning rate": r"train/learning_rate",
}


class ScalarLayout(pl.Callback):
    """Arrange a stage's metrics for TensorBoard, after the first validation of a training."""

    def __init__(self) -> None:
        super().__init__()
        self._arranged = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._arranged = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._arrange(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._arrange(trainer, pl_module)

    def _arrange(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._arranged or not keeps_files(trainer):
            return
        self._arranged = True
        charts = arranged(trainer.logged_metrics)
        for logger in trainer.loggers:
            if charts and isinstance(logger, TensorBoardLogger):
                layout = {title: ["Multiline", [pattern]] for title, pattern in charts.items()}
                logger.experiment.add_custom_scalars({type(pl_module).__name__: layout})


def arranged(names: Iterable[str]) -> dict[str, str]:
    """Return titles and regular expressions of the plots for these metrics, a task's own measures included.

    >>> arranged(["train/reward", "val/reward", "val/distance", "val/distance_exposure_01"])
    {'reward': '^(train|val)/reward$', 'distance': '^(train|val)/distance$'}
    """
    names = list(names)
    charts = {title: f"^{pattern}$" for title, pattern in CHARTS.items()}
    charts = {title: pattern for title, pattern in charts.items() if any(re.match(pattern, name) for name in names)}
    for name in names:
        split, _, metric = name.partition("/")
        if split == "val" and not NUMBERED.fullmatch(name) and not any(re.match(p, name) for p in charts.values()):
            charts[metric] = f"^(train|val)/{re.escape(metric)}$"
    return charts
