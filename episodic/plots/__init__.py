"""Plots: matplotlib figures made from tensors and plain data.

Every `plot_*` function returns a `matplotlib.figure.Figure`, which needs no screen; save it by its `savefig`.

- `plot_regret`, `plot_reward`, `plot_training`, `plot_gate`: an agent's episodes.
- `plot_search`, `plot_occupancy`, `plot_paths`: a search on a grid (`MazePath`); `plot_choices`: choices by step.
- `plot_memory_map`, `plot_memory_similarity`: the contents of a memory (`MemoryContents`).
- `plot_recall`: the results of a memory's reads (`ReadCounts`).
- `plot_neighbours`, `plot_drawing_confusions`, `plot_streams`, `plot_similarities`: an embedding of drawings.
- `plot_state_map`, `plot_context_confusions`, `plot_recognition`: an embedding of hidden states.
- `plot_reconstructions`: an autoencoder.

`style` holds what they share: `new_figure` and colours that colour-blind readers can distinguish.
"""

from episodic.plots.choice import some_contexts, spread_evenly, whole_classes
from episodic.plots.embeddings.context_plots import plot_context_confusions, plot_recognition, plot_state_map
from episodic.plots.embeddings.drawing_confusions import ConfusedPair, confused_pairs, plot_drawing_confusions
from episodic.plots.embeddings.drawing_neighbours import plot_neighbours
from episodic.plots.embeddings.embedding_curves import plot_similarities, plot_streams
from episodic.plots.embeddings.montage import framed, montage
from episodic.plots.embeddings.reconstructions import plot_reconstructions
from episodic.plots.memory.memory_contents import UNKNOWN, MemoryContents
from episodic.plots.memory.memory_map import plot_memory_map
from episodic.plots.memory.memory_recall import OUTCOMES, ReadCounts, plot_recall
from episodic.plots.memory.memory_similarity import plot_memory_similarity
from episodic.plots.style import CYCLE, new_figure
from episodic.plots.tasks.choice_plots import plot_choices
from episodic.plots.tasks.episode_plots import plot_gate, plot_regret, plot_reward, plot_training
from episodic.plots.tasks.maze_plots import MazePath, plot_occupancy, plot_paths, plot_search

__all__ = [
    "CYCLE",
    "OUTCOMES",
    "UNKNOWN",
    "ConfusedPair",
    "MazePath",
    "MemoryContents",
    "ReadCounts",
    "confused_pairs",
    "framed",
    "montage",
    "new_figure",
    "plot_choices",
    "plot_context_confusions",
    "plot_drawing_confusions",
    "plot_gate",
    "plot_memory_map",
    "plot_memory_similarity",
    "plot_neighbours",
    "plot_occupancy",
    "plot_paths",
    "plot_recall",
    "plot_recognition",
    "plot_reconstructions",
    "plot_regret",
    "plot_reward",
    "plot_search",
    "plot_similarities",
    "plot_state_map",
    "plot_streams",
    "plot_training",
    "some_contexts",
    "spread_evenly",
    "whole_classes",
]
