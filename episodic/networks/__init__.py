"""Networks: the agent's recurrent core and heads, autoencoders, embedders and the cosine classifier.

An embedder is a network with `embed(x) -> [B, D]`: `OmniglotEmbedder`, `ConvolutionalAutoencoder` and
`TwoLayerAutoencoder` embed drawings, `HiddenStateEmbedder` embeds LSTM states. Each knows its `arguments`, from which a
checkpoint rebuilds it.
"""

from episodic.networks.actor_critic import RecurrentActorCritic
from episodic.networks.autoencoder import Autoencoder, ConvolutionalAutoencoder
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.drawing_embedder import DrawingEmbedder
from episodic.networks.embedder import Embedder
from episodic.networks.episodic_lstm import EpisodicLSTMCell
from episodic.networks.feature_norm import FeatureNorm
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.networks.residual_block import ResidualBlock
from episodic.networks.two_layer_autoencoder import TwoLayerAutoencoder

__all__ = [
    "Autoencoder",
    "ConvolutionalAutoencoder",
    "CosineClassifier",
    "DrawingEmbedder",
    "Embedder",
    "EpisodicLSTMCell",
    "FeatureNorm",
    "HiddenStateEmbedder",
    "OmniglotEmbedder",
    "RecurrentActorCritic",
    "ResidualBlock",
    "TwoLayerAutoencoder",
]
