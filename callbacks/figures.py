"""A figure as a picture in the run's folder and in TensorBoard."""

from pathlib import Path

import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger


def keeps_files(trainer: pl.Trainer) -> bool:
    """Whether this process writes the run's files: the first one does, unless this is a `fast_dev_run`."""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)


def save_figure(trainer: pl.Trainer, figure: Figure, name: str) -> Path:
    """Write `figures/<name>.png` into the run's folder, and the same under `figures/<name>` to TensorBoard."""
    folder = Path(trainer.default_root_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=130)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure(f"figures/{name}", figure, trainer.global_step, close=False)
    return path
