"""Train, test and use every stage: `python cli.py {fit,validate,test,predict} --config configs/NAME.yaml`."""

import sys

# Imported so that a config can name them by their short names.
from callbacks import BanditPlots, EncoderPlots, HiddenStatePlots, MemoryMonitor, Reconstructions
from datamodules import BlockDataModule, HiddenStateDataModule, OmniglotBanditDataModule, OmniglotDataModule
from episodic.agents import AfterBlock, AfterEpisode, Keys, Learner, Perception, StoredDrawings, StoredStates, WarmStart
from episodic.drawings import GeneratedDrawings, LakeProtocol, OmniglotDrawings, VinyalsProtocol
from episodic.memory import EpisodicMemory, FuzzyMemory, Neighbours, StackMemory
from episodic.networks import (
    ConvolutionalAutoencoder,
    EpisodicGRU,
    EpisodicLSTM,
    HiddenStateEmbedder,
    OmniglotEmbedder,
    TwoLayerAutoencoder,
)
from episodic.objectives import ActorCritic, CosineSchedule, LinearSchedule, WarmupCosineSchedule
from episodic.tasks import BarcodeBandit, DrawingBandit
from launcher.main import run
from launcher.stage_cli import StageCLI
from lightning_modules import EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder, OmniglotEncoder

__all__ = [
    "ActorCritic",
    "AfterBlock",
    "AfterEpisode",
    "BanditPlots",
    "BarcodeBandit",
    "BlockDataModule",
    "ConvolutionalAutoencoder",
    "CosineSchedule",
    "DrawingBandit",
    "EncoderPlots",
    "EpisodicAgent",
    "EpisodicGRU",
    "EpisodicLSTM",
    "EpisodicMemory",
    "FuzzyMemory",
    "GeneratedDrawings",
    "HiddenStateDataModule",
    "HiddenStateEmbedder",
    "HiddenStateEncoder",
    "HiddenStatePlots",
    "Keys",
    "LakeProtocol",
    "Learner",
    "LinearSchedule",
    "MemoryMonitor",
    "Neighbours",
    "OmniglotAutoencoder",
    "OmniglotBanditDataModule",
    "OmniglotDataModule",
    "OmniglotDrawings",
    "OmniglotEmbedder",
    "OmniglotEncoder",
    "Perception",
    "Reconstructions",
    "StackMemory",
    "StoredDrawings",
    "StoredStates",
    "TwoLayerAutoencoder",
    "VinyalsProtocol",
    "WarmStart",
    "WarmupCosineSchedule",
]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. One line on standard error where the input is at fault."""
    return run(StageCLI, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
