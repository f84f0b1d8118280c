"""The classes that a config or a command can name by their short names: those that are imported here."""

from callbacks import (
    AgentPlots,
    BanditPlots,
    CompositionalPlots,
    EncoderPlots,
    HiddenStatePlots,
    MemoryMonitor,
    Reconstructions,
    TwoStepPlots,
)
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
from episodic.tasks import (
    BarcodeBandit,
    CompositionalBandit,
    CompositionalDrawingBandit,
    ContextualChoice,
    DrawingBandit,
    TwoStep,
    WaterMaze,
)
from lightning_modules import EpisodicAgent, HiddenStateEncoder, OmniglotAutoencoder, OmniglotEncoder

__all__ = [
    "ActorCritic",
    "AfterBlock",
    "AfterEpisode",
    "AgentPlots",
    "BanditPlots",
    "BarcodeBandit",
    "BlockDataModule",
    "CompositionalBandit",
    "CompositionalDrawingBandit",
    "CompositionalPlots",
    "ContextualChoice",
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
    "TwoStep",
    "TwoStepPlots",
    "VinyalsProtocol",
    "WarmStart",
    "WarmupCosineSchedule",
    "WaterMaze",
]
