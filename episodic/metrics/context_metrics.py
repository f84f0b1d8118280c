"""The figures of embedded hidden states: contexts found again, by pull and by exposure, and how far they lie apart."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.metrics.retrieval import nearest_neighbours, others_of_class, retrieval
from episodic.metrics.similarity_pairs import separation, similarity_pairs

#: States among which the nearest is looked for, those that MAP@R is of, and pairs that are compared, at most.
STATES, RANKED, PAIRS = 20_000, 4_000, 50_000


class EmbeddedStates(NamedTuple):
    """N embedded states; those of an episode follow one another, pull after pull."""

    embeddings: Tensor  # [N, D]
    labels: Tensor  # [N] long, of the context
    pulls: Tensor  # [N] long, from 1
    exposures: Tensor  # [N] long, from 1
    predicted: Tensor  # [N] long, the classifier's label; -1 where there is no classifier

    @property
    def episodes(self) -> Tensor:
        """Number of each state's episode, `[N]` long: a pull that is not later than the one before begins another."""
        begins = torch.ones_like(self.pulls)
        begins[1:] = self.pulls[1:] <= self.pulls[:-1]
        return begins.cumsum(0) - 1

    def take(self, rows: Tensor) -> "EmbeddedStates":
        """Some of the states."""
        return EmbeddedStates(*(part[rows] for part in self))


class FoundContexts(NamedTuple):
    """The states whose context was met in another episode too, and what the nearest of the others says of each."""

    rows: Tensor  # [Q] long
    labels: Tensor  # [Q] long, of the state that is nearest by the cosine out of all other episodes


def some_episodes(states: EmbeddedStates, most: int) -> EmbeddedStates:
    """Whole episodes with about `most` states, always the same ones, in their order; all where these are fewer."""
    episodes = states.episodes
    if len(episodes) <= most:
        return states
    count = int(episodes[-1]) + 1
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    chosen = order[: max(count * most // len(episodes), 1)].to(episodes.device)
    return states.take(torch.isin(episodes, chosen).nonzero().squeeze(1))


def find_contexts(states: EmbeddedStates) -> FoundContexts:
    """Look each state up among the states of all other episodes; the other pulls of its own would be too easy."""
    episodes, labels = states.episodes, states.labels
    rows = (others_of_class(labels, episodes) > 0).nonzero().squeeze(1)
    if len(rows) == 0:
        return FoundContexts(rows, labels[rows])
    nearest = nearest_neighbours(states.embeddings, 1, rows, episodes).rows.squeeze(1)
    return FoundContexts(rows, labels[nearest])


def context_figures(states: EmbeddedStates, classified: bool) -> dict[str, Tensor]:
    """Figures of the contexts, scalars by name.

    `recall_at_1`: share of states whose nearest by the cosine, out of all pulls of other episodes, is of their
    context. `map_at_r`: see `episodic.metrics.retrieval.retrieval`, without the state's own episode. `accuracy`: of the
    classifier. Recall and accuracy also by pull (`recall_at_1_pull_01`) and by exposure
    (`accuracy_exposure_01`). `similarity_same`, `similarity_different`: mean cosine of two states of other episodes
    that share a context, or do not. `separation`: how probably the former are more similar than the latter. All but
    the accuracies are of some episodes only where there are many; always the same ones.

    Left out is what there are too few states for.

    Args:
        states: of validation or test.
        classified: whether the classifier knows these contexts.
    """
    found: dict[str, Tensor] = {}
    if classified and len(states.labels):
        found |= by_pull_and_exposure("accuracy", states.predicted == states.labels, states.pulls, states.exposures)
    some = some_episodes(states, STATES)
    nearest = find_contexts(some)
    if len(nearest.rows):
        right = nearest.labels == some.labels[nearest.rows]
        found |= by_pull_and_exposure(
            "recall_at_1", right, some.pulls[nearest.rows], some.exposures[nearest.rows]
        ) | _ranked(some_episodes(states, RANKED))
    return found | _similarities(some)


def by_pull_and_exposure(name: str, right: Tensor, pulls: Tensor, exposures: Tensor) -> dict[str, Tensor]:
    """Share of what is right: of all, of each pull that there is, and of each exposure; `[N]` each -> scalars."""
    found = {name: right.double().mean()}
    for kind, numbers in (("pull", pulls), ("exposure", exposures)):
        found |= {f"{name}_{kind}_{number:02d}": share for number, share in shares(right, numbers).items()}
    return found


def shares(right: Tensor, numbers: Tensor) -> dict[int, Tensor]:
    """Share of what is right `[N]` bool, by number `[N]` long from 0; numbers that do not come are left out."""
    total = numbers.bincount()
    share = numbers.bincount(right.double()) / total
    return {number: share[number] for number in total.nonzero().squeeze(1).tolist()}


def _ranked(states: EmbeddedStates) -> dict[str, Tensor]:
    """MAP@R, where a context was met twice."""
    if not bool((others_of_class(states.labels, states.episodes) > 0).any()):
        return {}
    return {"map_at_r": retrieval(states.embeddings, states.labels, states.episodes)["map_at_r"]}


def _similarities(states: EmbeddedStates) -> dict[str, Tensor]:
    """Means of the similarities of two states of different episodes, and how far those of the two kinds are apart."""
    if len(states.labels) == 0:
        return {}
    generator = torch.Generator().manual_seed(0)
    pairs = similarity_pairs(states.embeddings, states.labels, states.episodes, generator, PAIRS)
    if min(len(pairs.same), len(pairs.different)) == 0:
        return {}
    means = {f"similarity_{kind}": cosines.double().mean() for kind, cosines in pairs._asdict().items()}
    return {**means, "separation": separation(pairs)}
