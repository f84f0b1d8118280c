"""Metrics of embeddings and of agents, computed from arrays: few-shot, retrieval, sequential, contexts, separation."""

from episodic.metrics.alphabet_pairs import alphabet_pairs
from episodic.metrics.alphabets import alphabet_metrics
from episodic.metrics.contexts import EmbeddedStates, context_metrics
from episodic.metrics.exposure import by_exposure
from episodic.metrics.few_shot import few_shot_accuracy, few_shot_metrics
from episodic.metrics.principal_components import pca_mse
from episodic.metrics.retrieval import Neighbours, nearest_neighbours, retrieval_metrics
from episodic.metrics.sequential import sequential_accuracy
from episodic.metrics.similarity_pairs import SimilarityPairs, separation, similarity_pairs
from episodic.metrics.streams import stream_metrics
from episodic.metrics.within_alphabet import AlphabetErrors, within_alphabet_error

__all__ = [
    "AlphabetErrors",
    "EmbeddedStates",
    "Neighbours",
    "SimilarityPairs",
    "alphabet_metrics",
    "alphabet_pairs",
    "by_exposure",
    "context_metrics",
    "few_shot_accuracy",
    "few_shot_metrics",
    "nearest_neighbours",
    "pca_mse",
    "retrieval_metrics",
    "separation",
    "sequential_accuracy",
    "similarity_pairs",
    "stream_metrics",
    "within_alphabet_error",
]
