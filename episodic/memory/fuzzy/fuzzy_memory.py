"""An episodic memory that is read through fuzzy clusters of its keys."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from episodic.errors import require, require_choice, require_positive
from episodic.memory.checks import check_vectors
from episodic.memory.fuzzy.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy.memberships import check_fuzziness, memberships
from episodic.memory.kernels import KERNELS, inverse_norms
from episodic.memory.memory import Memory
from episodic.memory.neighbours import just_under
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.stacks import Stacks


class FuzzyMemory(Memory):
    """Recall mixtures of fuzzy clusters of the stored keys.

    The keys of each environment are clustered by fuzzy c-means (Bezdek 1981). With memberships u of the N
    memories in C clusters and fuzziness m, a cluster's value is `sum_n u_nc^m v_n / sum_n u_nc^m`, and its label
    that of the largest `sum_n u_nc^m`. A read returns the mean of the clusters' values, weighted by the query's
    memberships, and the label of the cluster to which the query belongs most. `Recall.slot` is that cluster's
    number, and `Recall.similarity` the kernel's similarity of the query to its centre.

    Under the cosine kernel keys and queries are scaled to unit length first. While there are fewer different
    keys than clusters, some centres coincide; they share what belongs to them.

    Clusters are computed at the first read after a change. The clustering starts from the same random numbers each
    time, so it depends only on the contents. A read mixes all memories, so it does not count as use of a stack: a
    new stack replaces the least recently written one.

    >>> memory = FuzzyMemory(capacity=100, key_size=2, value_size=1, clusters=2)
    >>> memory.reset(batch_size=1)
    >>> for key, value in (([1.0, 0.0], 5.0), ([0.0, 1.0], 7.0)):
    ...     memory.write(torch.tensor([key]), torch.tensor([[value]]))
    >>> memory.read(torch.tensor([[1.0, 0.0]])).value
    tensor([[5.]])

    Args:
        capacity: number of slots N for each environment.
        key_size: length K of a key.
        value_size: length V of a value.
        clusters: number of clusters C.
        fuzziness: m, 1 or more; with 1 each key belongs to one cluster (k-means), the larger the softer.
        kernel: `cosine` or `l2`.
        threshold: lowest similarity that is recalled; None recalls at any similarity.
        tolerance: see `fuzzy_c_means`.
        max_iterations: see `fuzzy_c_means`.
        stacks: rules for keeping one slot for each label, as in `StackMemory`; None gives every write a slot.

    Raises:
        InputError: a number out of range, another kernel, more clusters than slots.
    """

    cluster_centres: Tensor  # [B, C, K]
    cluster_values: Tensor  # [B, C, V]
    cluster_labels: Tensor  # [B, C] long, EMPTY where the environment holds nothing

    def __init__(
        self,
        capacity: int,
        key_size: int,
        value_size: int,
        *,
        clusters: int = 10,
        fuzziness: float = 2.0,
        kernel: str = "cosine",
        threshold: float | None = None,
        tolerance: float = 1e-3,
        max_iterations: int = 50,
        stacks: Stacks | None = None,
    ) -> None:
        super().__init__(capacity, key_size, value_size, kernel=kernel, threshold=threshold, stacks=stacks)
        require_positive(clusters=clusters, tolerance=tolerance, max_iterations=max_iterations)
        check_fuzziness(fuzziness)
        require_choice("kernel", kernel, ("cosine", "l2"))
        require(clusters <= capacity, f"clusters is {clusters}: it must be at most the capacity, {capacity}")
        self.clusters, self.fuzziness = clusters, fuzziness
        self.tolerance, self.max_iterations = tolerance, max_iterations
        for name, buffer in self._empty_clusters(0).items():
            self.register_buffer(name, buffer)
        self._outdated = False

    def _empty_clusters(self, batch: int) -> dict[str, Tensor]:
        rows = (batch, self.clusters)
        return {
            "cluster_centres": self.keys.new_zeros(*rows, self.key_size),
            "cluster_values": self.keys.new_zeros(*rows, self.value_size),
            "cluster_labels": self.labels.new_full(rows, EMPTY),
        }

    def _allocate(self, batch: int) -> None:
        super()._allocate(batch)
        for name, buffer in self._empty_clusters(batch).items():
            setattr(self, name, buffer)

    @property
    def centres(self) -> Tensor:
        """`[B, C, K]` cluster centres of the current contents; zero where nothing is stored."""
        self._cluster()
        return self.cluster_centres

    def reset(self, batch_size: int) -> None:
        """Forget everything; see `Memory.reset`."""
        super().reset(batch_size)
        self.cluster_labels.fill_(EMPTY)
        self._outdated = False

    def write(
        self,
        key: Tensor,
        value: Tensor,
        label: Tensor | None = None,
        returns: Tensor | None = None,
        *,
        source: Tensor | None = None,
        stack: Tensor | None = None,
    ) -> None:
        """Store one memory in each environment; see `Memory.write`."""
        super().write(key, value, label, returns, source=source, stack=stack)
        self._outdated = True

    def rekey(self, function: Callable[[Tensor], Tensor]) -> None:
        """Recompute the stored keys; see `Memory.rekey`."""
        super().rekey(function)
        self._outdated = True

    @torch.no_grad()
    def _cluster(self) -> None:
        """Update the clusters, in new tensors: a gradient may still need the former ones."""
        if not self._outdated:
            return
        result = fuzzy_c_means(
            self._scaled(self.keys),
            self.clusters,
            self.fuzziness,
            mask=self.occupied,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
        weights = result.memberships.transpose(1, 2).pow(self.fuzziness)
        total = weights.sum(dim=2, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)  # where nothing is stored
        self.cluster_centres = result.centres
        self.cluster_values = weights @ self.values / total
        self.cluster_labels = _heaviest_labels(self.labels, weights)
        self._outdated = False

    def _scaled(self, keys: Tensor) -> Tensor:
        """Keys `[..., K]` as they are clustered: of unit length under the cosine kernel."""
        return normalize(keys, dim=-1) if self.kernel == "cosine" else keys

    def _centre_similarity(self, query: Tensor) -> Tensor:
        """Similarity of query `[B, K]` to every cluster's centre -> `[B, C]`; `-inf` where nothing is stored."""
        centres = self.centres
        similarity = KERNELS[self.kernel](query, centres, inverse_norms(centres))
        return similarity.masked_fill((self.clock == 0).unsqueeze(1), float("-inf"))

    def read(self, query: Tensor) -> Recall:
        """Mix the clusters by the memberships of query `[B, K]`; the value has a gradient to the query.

        Raises:
            InputError: a query of a wrong shape or dtype, or a read before `reset`.
        """
        check_vectors("query", query, self.keys)
        centres, query = self.centres, self._scaled(query)
        belonging = memberships(query.unsqueeze(1), centres, self.fuzziness)  # [B, 1, C]
        with torch.no_grad():
            cluster = belonging.argmax(dim=2)  # [B, 1]
            similarity = self._centre_similarity(query).gather(1, cluster)
            lowest = float("-inf") if self.threshold is None else just_under(self.threshold)
            recalled = (similarity > float("-inf")) & (similarity >= lowest)
            label = self.cluster_labels.gather(1, cluster).masked_fill_(~recalled, EMPTY)
        value = (belonging @ self.cluster_values).squeeze(1).masked_fill(~recalled, 0.0)
        slot = cluster.masked_fill(~recalled, EMPTY)
        return Recall(value, label.squeeze(1), similarity.squeeze(1), slot.squeeze(1))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._outdated = True  # the saved clusters may be outdated too; recomputing them gives the same

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.clusters} clusters, fuzziness={self.fuzziness}"


def _heaviest_labels(labels: Tensor, weights: Tensor) -> Tensor:
    """The label of the largest total weight in each cluster: `[B, N]`, `[B, C, N]` -> `[B, C]`.

    The smallest label among equals.
    """
    ordered, order = labels.sort(dim=1)
    group = pad((ordered[:, 1:] != ordered[:, :-1]).long(), (1, 0)).cumsum(dim=1)  # labels numbered from 0
    by_label = weights.gather(2, order.unsqueeze(1).expand_as(weights))
    votes = torch.zeros_like(weights).scatter_add_(2, group.unsqueeze(1).expand_as(weights), by_label)
    label_of = torch.zeros_like(labels).scatter_(1, group, ordered)
    return label_of.gather(1, votes.argmax(dim=2))
