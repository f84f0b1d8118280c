"""Networks: the agent's recurrent core and heads, autoencoders, embedders and the cosine classifier.

A core (`EpisodicLSTM`, `EpisodicGRU`, `GatedTransformerXL`, `LinearRecurrentUnit`, or a subclass of `AutogradCore`) is
played step by step and replayed with its gradient.

An embedder is a network with `embed(x) -> [B, D]`: `OmniglotEmbedder`, `ConvolutionalAutoencoder` and
`TwoLayerAutoencoder` embed drawings, `HiddenStateEmbedder` embeds LSTM states. Each knows its `arguments`, from which a
checkpoint rebuilds it.
"""

from episodic.networks.autoencoder import Autoencoder, ConvolutionalAutoencoder
from episodic.networks.autograd_core import AutogradCore
from episodic.networks.core import Core, CoreFactory, CoreState, Tape
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.embedder import Embedder
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.networks.feature_norm import FeatureNorm
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.image_embedder import ImageEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.networks.residual_block import ResidualBlock
from episodic.networks.sequence_cores import GatedTransformerXL, LinearRecurrentUnit, SequenceCore
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder

__all__ = [
    "ActorCriticHeads",
    "Autoencoder",
    "AutogradCore",
    "ConvolutionalAutoencoder",
    "Core",
    "CoreFactory",
    "CoreState",
    "CosineClassifier",
    "Embedder",
    "EpisodicGRU",
    "EpisodicLSTM",
    "FeatureNorm",
    "GatedTransformerXL",
    "HiddenStateEmbedder",
    "ImageEmbedder",
    "LinearRecurrentUnit",
    "OmniglotEmbedder",
    "ResidualBlock",
    "SequenceCore",
    "Tape",
    "TwoLayerAutoencoder",
]
