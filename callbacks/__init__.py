"""Callbacks and loggers: what watches a run, writes its files and hands plots to its loggers.

They choose when something is plotted or written; `episodic.plots` draws.

- Plots, for the config's `trainer.callbacks`: of any task `AgentPlots` and `MemoryMonitor`; of one task `BanditPlots`,
  `ChoicePlots`, `CompositionalPlots`, `MazePlots`, `TwoStepPlots`; of encoders `EncoderPlots`, `HiddenStatePlots` and
  `Reconstructions`.
- `MetricsCSV`, `MetricsJSON`, `RegretCSV`, `PredictionWriter`, `HarvestWriter`: files of metrics and predictions.
- `callbacks.checkpoints`: a run's checkpoints, and exact resumes.
- `TrainingProgress`: progress.
- `log_picture`, `log_embedding`: the run's folder and all of its loggers behind one interface.
- `callbacks.loggers`: what loggers show besides, added to every run.
"""

from callbacks.agent_plots import AgentPlots
from callbacks.bandit_plots import BanditPlots
from callbacks.choice_plots import ChoicePlots
from callbacks.compositional_plots import CompositionalPlots
from callbacks.encoder_plots import EncoderPlots
from callbacks.harvest_writer import HarvestWriter
from callbacks.hidden_state_plots import HiddenStatePlots
from callbacks.maze_plots import MazePlots
from callbacks.memory_monitor import MemoryMonitor
from callbacks.metrics_csv import MetricsCSV
from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture, logged_step
from callbacks.prediction_writer import PredictionWriter
from callbacks.progress import TrainingProgress
from callbacks.reconstructions import Reconstructions
from callbacks.result_files import MetricsJSON, RegretCSV
from callbacks.two_step_plots import TwoStepPlots

__all__ = [
    "AgentPlots",
    "BanditPlots",
    "ChoicePlots",
    "CompositionalPlots",
    "Embedding",
    "EncoderPlots",
    "HarvestWriter",
    "HiddenStatePlots",
    "MazePlots",
    "MemoryMonitor",
    "MetricsCSV",
    "MetricsJSON",
    "PredictionWriter",
    "Reconstructions",
    "RegretCSV",
    "TrainingProgress",
    "TwoStepPlots",
    "keeps_files",
    "log_embedding",
    "log_picture",
    "logged_step",
]
