"""Metrics of embedded hidden states: how well contexts are recognised, by pull and exposure, and separated."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.metrics.retrieval import nearest_neighbours, others_of_class, retrieval_metrics
from episodic.metrics.similarity_pairs import separation, similarity_pairs

#: Largest numbers of states that are searched, of states that MAP@R is of, and of pairs that are compared.
STATES, RANKED, PAIRS = 20_000, 4_000, 50_000


class EmbeddedStates(NamedTuple):
    """N embedded states; the states of an episode are adjacent, in the order of their pulls."""

    embeddings: Tensor  # [N, D]
    labels: Tensor  # [N] long, the contexts
    pulls: Tensor  # [N] long, from 1
    exposures: Tensor  # [N] long, from 1
    predicted: Tensor  # [N] long, the classifier's labels; -1 without a classifier

    @property
    def episodes(self) -> Tensor:
        """Number of each state's episode, `[N]` long; a pull not later than the previous one begins it."""
        begins = torch.ones_like(self.pulls)
        begins[1:] = self.pulls[1:] <= self.pulls[:-1]
        return begins.cumsum(0) - 1

    def take(self, rows: Tensor) -> "EmbeddedStates":
        """Select states by their rows."""
        return EmbeddedStates(*(part[rows] for part in self))


class NearestContexts(NamedTuple):
    """For each state whose context occurs in another episode: the context of the nearest state of another episode."""

    rows: Tensor  # [Q] long
    labels: Tensor  # [Q] long, by the cosine


def some_episodes(states: EmbeddedStates, most: int) -> EmbeddedStates:
    """Select whole episodes with about `most` states, always the same ones; all if there are fewer.

    >>> numbers = torch.ones(4).long()
    >>> some_episodes(EmbeddedStates(torch.eye(4), *[numbers] * 4), most=2).embeddings.shape
    torch.Size([2, 4])
    """
    episodes = states.episodes
    if len(episodes) <= most:
        return states
    count = int(episodes[-1]) + 1
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    chosen = order[: max(count * most // len(episodes), 1)].to(episodes.device)
    return states.take(torch.isin(episodes, chosen).nonzero().squeeze(1))


def find_contexts(states: EmbeddedStates) -> NearestContexts:
    """Find the nearest state of another episode for each state; those of its own episode would be too easy.

    >>> one = torch.ones(3).long()
    >>> find_contexts(EmbeddedStates(torch.eye(3), torch.tensor([4, 5, 4]), one, one, one)).rows
    tensor([0, 2])
    """
    episodes, labels = states.episodes, states.labels
    rows = (others_of_class(labels, episodes) > 0).nonzero().squeeze(1)
    if len(rows) == 0:
        return NearestContexts(rows, labels[rows])
    nearest = nearest_neighbours(states.embeddings, 1, rows, episodes).rows.squeeze(1)
    return NearestContexts(rows, labels[nearest])


def context_metrics(states: EmbeddedStates, classified: bool) -> dict[str, Tensor]:
    """Compute the metrics of contexts, scalars by name.

    - `recall_at_1`: share of states whose nearest state (cosine) of another episode is of the same context.
    - `map_at_r`: as in `episodic.metrics.retrieval.retrieval_metrics`, without the state's own episode.
    - `accuracy`: share of states that the classifier labels correctly.
    - `similarity_same`, `similarity_different`: mean cosine of two states of different episodes that share a context,
      or do not.
    - `separation`: probability that a pair that shares a context is more similar than one that does not.

    Recall and accuracy are also given by pull (`recall_at_1_pull_01`) and by exposure (`accuracy_exposure_01`). If
    there are many states, all metrics but the accuracies use some episodes only, always the same ones. Metrics with
    too few states are left out.

    Args:
        states: States of validation or test.
        classified: Whether the classifier knows these contexts.

    >>> labels, one = torch.arange(2).repeat(2), torch.ones(4).long()
    >>> context_metrics(EmbeddedStates(torch.eye(2).repeat(2, 1), labels, one, one, labels), True)["recall_at_1"]
    tensor(1., dtype=torch.float64)
    """
    metrics: dict[str, Tensor] = {}
    if classified and len(states.labels):
        metrics |= by_pull_and_exposure("accuracy", states.predicted == states.labels, states.pulls, states.exposures)
    some = some_episodes(states, STATES)
    nearest = find_contexts(some)
    if len(nearest.rows):
        right = nearest.labels == some.labels[nearest.rows]
        pulls, exposures = some.pulls[nearest.rows], some.exposures[nearest.rows]
        metrics |= by_pull_and_exposure("recall_at_1", right, pulls, exposures)
        metrics |= _map_at_r(some_episodes(states, RANKED))
    return metrics | _similarities(some)


def by_pull_and_exposure(name: str, right: Tensor, pulls: Tensor, exposures: Tensor) -> dict[str, Tensor]:
    """Compute the share of `right`: overall, for each pull and for each exposure; all arguments are `[N]`.

    >>> list(by_pull_and_exposure("accuracy", torch.tensor([True]), torch.tensor([1]), torch.tensor([2])))
    ['accuracy', 'accuracy_pull_01', 'accuracy_exposure_02']
    """
    metrics = {name: right.double().mean()}
    for kind, numbers in (("pull", pulls), ("exposure", exposures)):
        metrics |= {f"{name}_{kind}_{number:02d}": share for number, share in shares(right, numbers).items()}
    return metrics


def shares(right: Tensor, numbers: Tensor) -> dict[int, Tensor]:
    """Compute the share of `right` `[N]` bool for each of the `numbers` `[N]` long from 0; absent numbers are left out.

    >>> shares(torch.tensor([True, False]), torch.tensor([3, 3]))
    {3: tensor(0.5000, dtype=torch.float64)}
    """
    total = numbers.bincount()
    share = numbers.bincount(right.double()) / total
    return {number: share[number] for number in total.nonzero().squeeze(1).tolist()}


def _map_at_r(states: EmbeddedStates) -> dict[str, Tensor]:
    """Compute MAP@R if a context occurs in two episodes."""
    if not bool((others_of_class(states.labels, states.episodes) > 0).any()):
        return {}
    return {"map_at_r": retrieval_metrics(states.embeddings, states.labels, states.episodes)["map_at_r"]}


def _similarities(states: EmbeddedStates) -> dict[str, Tensor]:
    """Compute mean similarities and separation of pairs of states of different episodes."""
    if len(states.labels) == 0:
        return {}
    generator = torch.Generator().manual_seed(0)
    pairs = similarity_pairs(states.embeddings, states.labels, states.episodes, generator, PAIRS)
    if min(len(pairs.same), len(pairs.different)) == 0:
        return {}
    means = {f"similarity_{kind}": cosines.double().mean() for kind, cosines in pairs._asdict().items()}
    return {**means, "separation": separation(pairs)}
