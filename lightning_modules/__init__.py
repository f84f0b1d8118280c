"""LightningModules, one for each training stage: thin, over the parts of `episodic`."""

from lightning_modules.autoencoder import OmniglotAutoencoder
from lightning_modules.episodic_agent import EpisodicAgent
from lightning_modules.hidden_state_encoder import HiddenStateEncoder
from lightning_modules.omniglot_encoder import OmniglotEncoder

__all__ = ["EpisodicAgent", "HiddenStateEncoder", "OmniglotAutoencoder", "OmniglotEncoder"]
