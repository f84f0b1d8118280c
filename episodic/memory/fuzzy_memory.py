"""An episodic memory that is read through fuzzy clusters of its keys."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from episodic.errors import require, require_choice, require_positive
from episodic.memory.episodic_memory import EMPTY, EpisodicMemory, Recall
from episodic.memory.fuzzy_c_means import check_fuzziness, fuzzy_c_means, memberships
from episodic.memory.kernels import KERNELS, inverse_norms
from episodic.memory.neighbours import TIE


class FuzzyMemory(EpisodicMemory):
    """Keeps every write like `append`, and recalls mixtures of fuzzy clusters of what it holds.

    The keys of each environment are clustered by fuzzy c-means (Bezdek 1981). With memberships u of the N
    memories in C clusters and fuzziness m, a cluster's value is `sum_n u_nc^m v_n / sum_n u_nc^m`, and its label
    that of the largest `sum_n u_nc^m`. A read gives the mean of the clusters' values, weighted by the query's own
    memberships, and the label of the cluster to which the query belongs most. `Recall.slot` is that cluster's
    number, and `Recall.similarity` the kernel's similarity of the query to its centre.

    Under the cosine kernel keys and queries are brought to unit length first. While there are fewer different
    keys than clusters, some centres coincide; they share what belongs to them.

    Clustering is left until clusters are asked for. It starts from the same random numbers each time, so that it
    depends on what is stored alone.

    Args:
        capacity: number of slots N for each environment; the oldest memory goes when all are full.
        key_size: length K of a key.
        value_size: length V of a value.
        clusters: number of clusters C.
        fuzziness: m, 1 or more; with 1 each key belongs to one cluster (k-means), the larger the softer.
        kernel: `cosine` or `l2`.
        threshold: lowest similarity that is recalled; None recalls whatever it is.
        tolerance: see `fuzzy_c_means`.
        max_iterations: see `fuzzy_c_means`.

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
    ) -> None:
        require_positive(clusters=clusters, tolerance=tolerance, max_iterations=max_iterations)
        check_fuzziness(fuzziness)
        require_choice("kernel", kernel, ("cosine", "l2"))
        self.clusters = clusters  # the buffers, which the next line allocates, depend on it
        super().__init__(capacity, key_size, value_size, kernel=kernel, threshold=threshold)
        require(clusters <= capacity, f"clusters is {clusters}: it has to be at most the capacity, {capacity}")
        self.fuzziness, self.tolerance, self.max_iterations = fuzziness, tolerance, max_iterations
        self._outdated = False

    def _empty_buffers(self, batch: int, device: torch.device) -> dict[str, Tensor]:
        return {
            **super()._empty_buffers(batch, device),
            "cluster_centres": torch.zeros(batch, self.clusters, self.key_size, device=device),
            "cluster_values": torch.zeros(batch, self.clusters, self.value_size, device=device),
            "cluster_labels": torch.full((batch, self.clusters), EMPTY, dtype=torch.long, device=device),
        }

    @property
    def centres(self) -> Tensor:
        """`[B, C, K]` cluster centres, of what is stored now; zero where nothing is."""
        self._cluster()
        return self.cluster_centres

    def reset(self, batch_size: int) -> None:
        """Forget everything, as `EpisodicMemory.reset` does."""
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
        """Store one memory in each environment, as `EpisodicMemory.write` does."""
        super().write(key, value, label, returns, source=source, stack=stack)
        self._outdated = True

    def rekey(self, function: Callable[[Tensor], Tensor]) -> None:
        """Make the stored keys again, as `EpisodicMemory.rekey` does."""
        super().rekey(function)
        self._outdated = True

    @torch.no_grad()
    def _cluster(self) -> None:
        """Bring the clusters up to date, in new tensors: a gradient may still need the former ones."""
        if not self._outdated:
            return
        found = fuzzy_c_means(
            self._placed(self.keys),
            self.clusters,
            self.fuzziness,
            mask=self.occupied,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
        weights = found.memberships.transpose(1, 2).pow(self.fuzziness)
        total = weights.sum(dim=2, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)  # where nothing is stored
        self.cluster_centres = found.centres
        self.cluster_values = weights @ self.values / total
        self.cluster_labels = _heaviest_labels(self.labels, weights)
        self._outdated = False

    def _placed(self, keys: Tensor) -> Tensor:
        """Where keys `[..., K]` lie in the space that is clustered."""
        return normalize(keys, dim=-1) if self.kernel == "cosine" else keys

    def similarity(self, query: Tensor) -> Tensor:
        """Similarity of query `[B, K]` to every cluster's centre -> `[B, C]`; `-inf` where nothing is stored."""
        centres = self.centres
        similarity = KERNELS[self.kernel](query, centres, inverse_norms(centres))
        return similarity.masked_fill((self.clock == 0).unsqueeze(1), float("-inf"))

    def read(self, query: Tensor) -> Recall:
        """Mix the clusters by the memberships of query `[B, K]`; the value has a gradient to the query."""
        centres, query = self.centres, self._placed(query)
        belonging = memberships(query.unsqueeze(1), centres, self.fuzziness)  # [B, 1, C]
        with torch.no_grad():
            cluster = belonging.argmax(dim=2)  # [B, 1]
            similarity = self.similarity(query).gather(1, cluster)
            missing = similarity == float("-inf")
            if self.threshold is not None:
                missing |= similarity < self.threshold - TIE * (1 + abs(self.threshold))
            label = self.cluster_labels.gather(1, cluster).masked_fill_(missing, EMPTY)
        value = (belonging @ self.cluster_values).squeeze(1) * ~missing
        return Recall(value, label.squeeze(1), similarity.squeeze(1), cluster.masked_fill(missing, EMPTY).squeeze(1))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._outdated = True  # the saved clusters may have been: they come out the same, or right

    def extra_repr(self) -> str:
        return (
            f"{self.capacity} slots, key {self.key_size}, value {self.value_size}, {self.kernel}, "
            f"{self.clusters} clusters, fuzziness={self.fuzziness}, threshold={self.threshold}"
        )


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
