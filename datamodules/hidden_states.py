"""Harvested hidden states in batches, with the contexts that they belong to, or with labels from clustering."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from datamodules.class_batches import ClassBatches
from datamodules.harvest_files import STATES, Harvest, read_harvest
from datamodules.hidden_state_splits import SPLITS, EpisodeSplit, block_split, context_split
from datamodules.pseudo_labels import CLUSTERINGS, cluster_labels
from datamodules.sampling import EpochShuffle, FirstBatches, ShardedIndices
from episodic.errors import require, require_choice, require_positive
from episodic.memory.memberships import check_fuzziness

INPUTS = (*STATES, "cue")
LABELS = ("context", "cues", "states", "episode")


class StateBatch(NamedTuple):
    """B states of an LSTM, or the states of B whole episodes."""

    inputs: Tensor  # [B, H] float32, or [B, T, H]
    labels: Tensor  # [B] long, of the context
    pulls: Tensor  # [B] long, the last pull that is there, from 1
    exposures: Tensor  # [B] long, how many times the context has been met in its block, from 1


class StateDataset(Dataset[StateBatch]):
    """Cuts whole batches out of a harvest: an item is the batch of the states, or episodes, with the given indices.

    Args:
        states: of N episodes, `[N, T, H]`.
        labels: of the N episodes, `[N]` long.
        exposures: of the N episodes, `[N]` long.
        episodes: which of them there are, `[n]` long.
        pulls: which of their pulls are items of their own, from 1: item `k * i + j` is pull `pulls[j]`, of k, of
            episode `episodes[i]`. With None an item is a whole episode.
    """

    def __init__(
        self, states: Tensor, labels: Tensor, exposures: Tensor, episodes: Tensor, pulls: Sequence[int] | None
    ) -> None:
        self.states, self.owners, self.exposures, self.episodes = states, labels, exposures, episodes
        self.pulls = None if pulls is None else torch.tensor(pulls)

    def __len__(self) -> int:
        return len(self.episodes) * (1 if self.pulls is None else len(self.pulls))

    @property
    def labels(self) -> Tensor:
        """Label of every index, `[len(self)]` long."""
        labels = self.owners[self.episodes]
        return labels if self.pulls is None else labels.repeat_interleave(len(self.pulls))

    def __getitem__(self, indices: Tensor | Sequence[int] | int) -> StateBatch:
        rows = torch.as_tensor(indices).reshape(-1)  # a single index is a batch of one
        if self.pulls is None:
            chosen = self.episodes[rows]
            pulls = torch.full_like(chosen, self.states.shape[1])
            inputs = self.states[chosen]
        else:
            chosen, pulls = self.episodes[rows // len(self.pulls)], self.pulls[rows % len(self.pulls)]
            inputs = self.states[chosen, pulls - 1]
        return StateBatch(inputs.float(), self.owners[chosen], pulls, self.exposures[chosen])


class HiddenStateDataModule(pl.LightningDataModule):
    """The states of a harvest for training, validation and test; predictions are made on the test's.

    Which episodes are held out depends on `split_seed` alone, never on the run's seed. Validation and test go through
    all pulls of their episodes, in order, and know the true contexts.

    Args:
        harvest: file that `predict` of an agent wrote, see `datamodules.harvest_files`.
        state: `cell` or `hidden` state; or the `cue`, one of each episode, so that an encoder of cues is trained and
            judged as one of states is.
        split: what is shared out, whole blocks (`block`: the same contexts everywhere) or contexts (`context`: none
            that is validated or tested on is trained on).
        held_out: share of that for validation, and as much again for the test.
        episodes: whether an item is a whole episode, `[T, H]`, instead of one of its states.
        pulls: train on the states after these pulls alone, counted from 1; None takes all.
        batch_size: states (or episodes) B in a batch of one process.
        per_class: make training batches of `batch_size / per_class` classes with so many items each; None shuffles.
        steps: end a training epoch after so many batches; None goes through all states.
        labels: what is trained on: the `context`; clusters of the episodes' `cues` or of their `states` after the
            first pull, which need no contexts; or the `episode` itself, all states of which belong together.
        clustering: `k_means` or `fuzzy_c_means`, for `cues` and `states`.
        clusters: number of clusters; None takes one for each context.
        fuzziness: of `fuzzy_c_means`.
        split_seed: of the choice of what is held out, and of the clustering.

    Raises:
        InputError: a number out of its range, an unknown name, arguments that do not go together; no harvest or a
            damaged one, one that is too small for the split, or whose labels mean another context in every block where
            they have to mean the same.
    """

    #: Of `sizes`, those that a trained model keeps whatever data it is tested on.
    training_sizes = ("input_size", "classes")

    def __init__(
        self,
        harvest: str,
        state: str = "cell",
        split: str = "block",
        held_out: float = 0.15,
        episodes: bool = False,
        pulls: list[int] | None = None,
        batch_size: int = 2048,
        per_class: int | None = None,
        steps: int | None = None,
        labels: str = "context",
        clustering: str = "k_means",
        clusters: int | None = None,
        fuzziness: float = 1.2,
        split_seed: int = 0,
    ) -> None:
        super().__init__()
        require_choice("state", state, INPUTS)
        require_choice("split", split, SPLITS)
        require_choice("labels", labels, LABELS)
        require_choice("clustering", clustering, CLUSTERINGS)
        given = {"batch_size": batch_size, "per_class": per_class, "steps": steps, "clusters": clusters}
        require_positive(**{name: number for name, number in given.items() if number is not None})
        require(0 < held_out < 0.5, f"held_out is {held_out}: it has to be above 0 and below 0.5")
        require(split_seed >= 0, f"split_seed is {split_seed}: it has to be 0 or more")
        check_fuzziness(fuzziness)
        require(
            batch_size % (per_class or 1) == 0,
            f"batch_size is {batch_size}: it has to be a multiple of per_class, {per_class}",
        )
        require(
            not (episodes and pulls is not None), f"pulls is {pulls}: it has to be null where items are whole episodes"
        )
        require(
            labels != "episode" or (per_class is not None and not episodes),
            "labels is 'episode': that needs per_class, the states of each episode in a batch, and episodes false",
        )
        require(
            labels != "episode" or state != "cue",
            "labels is 'episode': with state 'cue' an episode has one item alone, labels has to be context or cues",
        )
        require(
            clusters is None or labels in ("cues", "states"),
            f"clusters is {clusters}: it has to be null where labels is {labels!r}, which asks for no clustering",
        )
        self.save_hyperparameters()
        self.harvest, self.state, self.split, self.held_out = harvest, state, split, held_out
        self.episodes, self.pulls, self.batch_size, self.per_class = episodes, pulls, batch_size, per_class
        self.steps, self.labels, self.clustering, self.clusters = steps, labels, clustering, clusters
        self.fuzziness, self.split_seed = fuzziness, split_seed

    @property
    def sizes(self) -> dict[str, int]:
        """What a model has to know of the data: filled into its arguments of the same name."""
        harvest = self.data if hasattr(self, "data") else read_harvest(self.harvest, states=())
        length = harvest.cue.shape[1] if self.state == "cue" else harvest.provenance["hidden_size"]
        return {"input_size": length, "classes": self._classes(harvest)}

    @property
    def labels_are_trained(self) -> bool:
        """Whether the labels of validation and test are those that are trained on."""
        return self.labels == "context" and self.split == "block"

    def setup(self, stage: str | None = None) -> None:
        """Read the harvest, share out its episodes, find the training's labels; a second call reads nothing again."""
        if not hasattr(self, "data"):
            self.data = read_harvest(self.harvest, states=(self.state,) if self.state in STATES else ())
            self.parts = self._shared_out(self.data)
            self._check_pulls()
        if stage in (None, "fit") and not hasattr(self, "training_labels"):
            self.training_labels = self._training_labels()

    @property
    def states(self) -> Tensor:
        """All states, `[N, T, H]` float16; of cues `[N, 1, C]`."""
        states: Tensor = getattr(self.data, self.state)
        return states.unsqueeze(1) if self.state == "cue" else states

    def _shared_out(self, harvest: Harvest) -> EpisodeSplit:
        require(
            self.labels != "context" or harvest.provenance["fixed_labels"],
            f"labels is 'context': those of harvest {self.harvest} mean another context in every block; the agent's "
            "data need a vocabulary (data.vocabulary), or labels has to be cues, states or episode",
        )
        rule = block_split if self.split == "block" else context_split
        parts = rule(harvest, self.held_out, self.split_seed)
        for name in ("train", "val", "test"):
            met = len(parts.labels[getattr(parts, name)].unique())
            require(met > 1, f"the {name} part of harvest {self.harvest} has one context only: it has to have two")
        return parts

    def _classes(self, harvest: Harvest) -> int:
        """Number of classes in the training batches' labels."""
        parts = self.parts if hasattr(self, "parts") else self._shared_out(harvest)
        if self.labels == "context":
            return parts.classes
        if self.labels == "episode":
            return len(parts.train)
        return self._clusters(harvest, parts)

    def _clusters(self, harvest: Harvest, parts: EpisodeSplit) -> int:
        if self.clusters is None:
            fixed = harvest.provenance["fixed_labels"]
            require(fixed, "clusters is null: it has to be given where every block has contexts of its own")
        return self.clusters or parts.classes

    def _check_pulls(self) -> None:
        last = self.states.shape[1]
        pulls = range(1, last + 1) if self.pulls is None else self.pulls
        fit = len(pulls) > 0 and len(set(pulls)) == len(pulls) and all(1 <= pull <= last for pull in pulls)
        require(fit, f"pulls is {self.pulls}: it has to be different numbers from 1 to {last}")

    def _training_labels(self) -> Tensor:
        """Of every episode of the harvest, `[N]` long; those that are not trained on are -1."""
        rows = self.parts.train
        labels = torch.full_like(self.parts.labels, -1)
        if self.labels == "context":
            labels[rows] = self.parts.labels[rows]
        elif self.labels == "episode":
            labels[rows] = torch.arange(len(rows))
        else:
            points = self.data.cue[rows] if self.labels == "cues" else self.states[rows, 0]
            clusters = self._clusters(self.data, self.parts)
            labels[rows] = cluster_labels(points, clusters, self.clustering, self.split_seed, self.fuzziness)
        return labels

    def train_dataloader(self) -> DataLoader[StateBatch]:
        pulls = None if self.episodes else self.pulls or self._all_pulls
        dataset = StateDataset(self.states, self.training_labels, self.data.exposure, self.parts.train, pulls)
        order = self._training_order(dataset)
        return _loader(dataset, order if self.steps is None else FirstBatches(order, self.steps))

    def _training_order(self, dataset: StateDataset) -> EpochShuffle | ClassBatches:
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        if self.per_class is None:
            return EpochShuffle(len(dataset), self.batch_size, seed)
        return ClassBatches(dataset.labels, self.batch_size // self.per_class, self.per_class, seed)

    @property
    def _all_pulls(self) -> range:
        return range(1, self.states.shape[1] + 1)

    def val_dataloader(self) -> DataLoader[StateBatch]:
        return self._in_order(self.parts.val)

    def test_dataloader(self) -> DataLoader[StateBatch]:
        return self._in_order(self.parts.test)

    def predict_dataloader(self) -> DataLoader[StateBatch]:
        return self._in_order(self.parts.test)

    def _in_order(self, episodes: Tensor) -> DataLoader[StateBatch]:
        pulls = None if self.episodes else self._all_pulls
        dataset = StateDataset(self.states, self.parts.labels, self.data.exposure, episodes, pulls)
        return _loader(dataset, BatchSampler(ShardedIndices(len(dataset)), self.batch_size, drop_last=False))


def _loader(dataset: StateDataset, sampler: Sampler[Tensor] | Sampler[list[int]]) -> DataLoader[StateBatch]:
    # The sampler yields whole batches of indices. Cutting them from memory takes less than handing them over
    # from a worker process would.
    return DataLoader(dataset, batch_size=None, sampler=sampler)
