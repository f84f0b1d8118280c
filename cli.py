"""Train, test and use every stage: `python cli.py {fit,validate,test,predict} --config configs/NAME.yaml`."""

import sys

# Imported so that a config can name them by their short names.
from callbacks.bandit_plots import BanditFigures
from callbacks.encoder_plots import EncoderFigures
from callbacks.hidden_state_plots import HiddenStateFigures
from callbacks.memory_monitor import MemoryMonitor
from callbacks.reconstructions import Reconstructions
from datamodules.barcode_bandit import BarcodeBanditDataModule
from datamodules.generated_omniglot import GeneratedOmniglotDataModule
from datamodules.hidden_states import HiddenStateDataModule
from datamodules.omniglot import OmniglotDataModule
from datamodules.omniglot_bandit import OmniglotBanditDataModule
from episodic.agents.cue_encoder import CueEncoder
from episodic.agents.cue_learning import CueLearning
from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearning
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy_memory import FuzzyMemory
from episodic.memory.stack_memory import StackMemory
from episodic.objectives.schedules import CosineSchedule, LinearSchedule, WarmupCosineSchedule
from launcher.main import run
from launcher.stage_cli import StageCLI
from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.episodic_agent import EpisodicAgent
from lightning_modules.hidden_state_encoder import HiddenStateEncoder
from lightning_modules.omniglot_encoder import OmniglotEncoder

__all__ = [
    "BanditFigures",
    "BarcodeBanditDataModule",
    "CosineSchedule",
    "CueEncoder",
    "CueLearning",
    "EncoderFigures",
    "EpisodicAgent",
    "EpisodicMemory",
    "FuzzyMemory",
    "GeneratedOmniglotDataModule",
    "HiddenStateDataModule",
    "HiddenStateEncoder",
    "HiddenStateFigures",
    "KeyEncoder",
    "LinearSchedule",
    "MemoryMonitor",
    "OmniglotAutoencoder",
    "OmniglotBanditDataModule",
    "OmniglotDataModule",
    "OmniglotEncoder",
    "OnlineLearning",
    "Reconstructions",
    "StackMemory",
    "WarmupCosineSchedule",
]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. One line on standard error where the input is at fault."""
    return run(StageCLI, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
