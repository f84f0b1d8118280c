"""Harvested hidden states in batches, labelled by their contexts or by clusters."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader

from datamodules.class_batches import require_batches, training_order
from datamodules.harvest_files import STATES, Harvest, read_harvest
from datamodules.hidden_state_splits import EpisodeSplit, HarvestSplit
from datamodules.hyperparameters import plain_settings
from datamodules.pseudo_labels import Clustering, cluster_labels
from datamodules.sampling import FirstBatches, ShardedIndices, batch_loader, run_seed
from datamodules.state_batches import StateBatch, StateDataset
from episodic.errors import require, require_choice, require_positive

INPUTS = (*STATES, "cue")
LABELS = ("context", "cues", "states", "episode")


class HiddenStateDataModule(pl.LightningDataModule):
    """The states of a harvest for training, validation and test; predictions are made on the test states.

    Validation and test use all pulls of their episodes, in order, and the true contexts.

    Args:
        harvest: File that `predict` of an agent wrote; see `datamodules.harvest_files`.
        state: `cell` or `hidden` state, or the `cue` (one for each episode), to train and evaluate an encoder of cues
            in the same way as one of states.
        split: Rule that splits the episodes, by block or by context.
        episodes: Whether an item is a whole episode `[T, H]` instead of a single state.
        pulls: Train on the states after these pulls only, counted from 1; None is all.
        batch_size: States (or episodes) in a batch of one process.
        per_class: Items of each class in a training batch of `batch_size / per_class` classes; None shuffles.
        steps: Batches in a training epoch; None is all states.
        labels: Training labels: the `context`; clusters of the episodes' `cues`, or of their `states` after the first
            pull, which need no contexts; or the `episode` itself, whose states form a class.
        clustering: Settings of the clustering for `cues` and `states`.

    Raises:
        InputError: A number is out of range, a name is unknown, or arguments contradict each other; the harvest is
            missing, damaged or too small for the split; labels are contexts but mean another context in every block.
    """

    #: The `sizes` that a trained model keeps, also for a test on other data.
    training_sizes = ("input_size", "classes")

    def __init__(
        self,
        harvest: str,
        state: str = "cell",
        split: HarvestSplit = HarvestSplit(),  # noqa: B008 - immutable, and read by jsonargparse
        episodes: bool = False,
        pulls: list[int] | None = None,
        batch_size: int = 2048,
        per_class: int | None = None,
        steps: int | None = None,
        labels: str = "context",
        clustering: Clustering = Clustering(),  # noqa: B008
    ) -> None:
        settings = plain_settings(locals())
        super().__init__()
        require_choice("state", state, INPUTS)
        require_choice("labels", labels, LABELS)
        require_batches(batch_size, per_class)
        if steps is not None:
            require_positive(steps=steps)
        require(not (episodes and pulls is not None), f"pulls is {pulls}: it must be null if items are whole episodes")
        _require_labels(labels, state, episodes, per_class, clustering)
        self.save_hyperparameters(settings)
        self.harvest, self.state, self.split = harvest, state, split
        self.episodes, self.pulls, self.batch_size, self.per_class = episodes, pulls, batch_size, per_class
        self.steps, self.labels, self.clustering = steps, labels, clustering

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes that fill in the model's arguments of the same name."""
        harvest = self.data if hasattr(self, "data") else read_harvest(self.harvest, states=())
        length = harvest.cue.shape[1] if self.state == "cue" else harvest.provenance["hidden_size"]
        return {"input_size": length, "classes": self._classes(harvest)}

    @property
    def labels_are_trained(self) -> bool:
        """Whether the labels of validation and test are among the training labels."""
        return self.labels == "context" and self.split.by == "block"

    def setup(self, stage: str | None = None) -> None:
        """Read the harvest, split its episodes and make the training labels; a second call reads nothing again."""
        if not hasattr(self, "data"):
            self.data = read_harvest(self.harvest, states=(self.state,) if self.state in STATES else ())
            self.parts = self._split(self.data)
            self._check_pulls()
        if stage in (None, "fit") and not hasattr(self, "training_labels"):
            self.training_labels = self._training_labels()

    @property
    def states(self) -> Tensor:
        """All states, `[N, T, H]` float16; of cues `[N, 1, C]`."""
        states: Tensor = getattr(self.data, self.state)
        return states.unsqueeze(1) if self.state == "cue" else states

    def _split(self, harvest: Harvest) -> EpisodeSplit:
        require(
            self.labels != "context" or harvest.provenance["fixed_labels"],
            f"labels is 'context': the labels of harvest {self.harvest} mean another context in every block; give the "
            "agent's data a vocabulary (data.vocabulary), or set labels to cues, states or episode",
        )
        parts = self.split(harvest)
        for name in ("train", "val", "test"):
            contexts = len(parts.labels[getattr(parts, name)].unique())
            require(contexts > 1, f"the {name} part of harvest {self.harvest} has one context only: it needs two")
        return parts

    def _classes(self, harvest: Harvest) -> int:
        """Count the classes of the training labels."""
        parts = self.parts if hasattr(self, "parts") else self._split(harvest)
        if self.labels == "context":
            return parts.classes
        if self.labels == "episode":
            return len(parts.train)
        return self._clusters(harvest, parts)

    def _clusters(self, harvest: Harvest, parts: EpisodeSplit) -> int:
        if self.clustering.clusters is None:
            fixed = harvest.provenance["fixed_labels"]
            require(fixed, "clustering.clusters is null: give a number if every block has its own contexts")
        return self.clustering.clusters or parts.classes

    def _check_pulls(self) -> None:
        last = self.states.shape[1]
        pulls = range(1, last + 1) if self.pulls is None else self.pulls
        fit = len(pulls) > 0 and len(set(pulls)) == len(pulls) and all(1 <= pull <= last for pull in pulls)
        require(fit, f"pulls is {self.pulls}: it must hold different numbers from 1 to {last}")

    def _training_labels(self) -> Tensor:
        """Label every episode of the harvest, `[N]` long; -1 outside the training."""
        rows = self.parts.train
        labels = torch.full_like(self.parts.labels, -1)
        if self.labels == "context":
            labels[rows] = self.parts.labels[rows]
        elif self.labels == "episode":
            labels[rows] = torch.arange(len(rows))
        else:
            points = self.data.cue[rows] if self.labels == "cues" else self.states[rows, 0]
            labels[rows] = cluster_labels(points, self._clusters(self.data, self.parts), self.clustering)
        return labels

    def train_dataloader(self) -> DataLoader[StateBatch]:
        pulls = None if self.episodes else self.pulls or self._all_pulls
        dataset = StateDataset(self.states, self.training_labels, self.data.exposure, self.parts.train, pulls)
        order = training_order(dataset.labels, self.batch_size, self.per_class, None, run_seed())
        return batch_loader(dataset, order if self.steps is None else FirstBatches(order, self.steps))

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
        return batch_loader(dataset, BatchSampler(ShardedIndices(len(dataset)), self.batch_size, drop_last=False))


def _require_labels(labels: str, state: str, episodes: bool, per_class: int | None, clustering: Clustering) -> None:
    """Raise `InputError` unless the training labels fit the other arguments."""
    require(
        labels != "episode" or (per_class is not None and not episodes),
        "labels is 'episode': this needs per_class, the states of each episode in a batch, and episodes false",
    )
    require(
        labels != "episode" or state != "cue",
        "labels is 'episode': an episode has a single cue, so labels must be context or cues if state is 'cue'",
    )
    clusters = clustering.clusters
    require(
        clusters is None or labels in ("cues", "states"),
        f"clustering.clusters is {clusters}: it must be null if labels is {labels!r}, which needs no clustering",
    )
