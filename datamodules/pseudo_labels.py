"""Labels without supervision: clusters of points."""

from dataclasses import dataclass

import torch
from torch import Tensor

from episodic.errors import require, require_choice, require_positive, require_seed
from episodic.memory.fuzzy.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy.memberships import check_fuzziness, memberships

METHODS = ("k_means", "fuzzy_c_means")
#: Largest number of points that are clustered; any others then join the clusters.
POINTS = 20_000


@dataclass(frozen=True)
class Clustering:
    """Settings of a clustering.

    Args:
        method: `k_means` (scikit-learn) or `fuzzy_c_means` (`episodic.memory.fuzzy.fuzzy_c_means`).
        clusters: Number of clusters; None is one for each context.
        fuzziness: Fuzziness of `fuzzy_c_means`. Many clusters need a small one, since a larger one draws all centres
            together.
        seed: Seed of the k-means++ start, which both methods use, and of the clustered points.

    Raises:
        InputError: The method is unknown, or a number is out of range.

    >>> Clustering(clusters=3).method
    'k_means'
    """

    method: str = "k_means"
    clusters: int | None = None
    fuzziness: float = 1.2
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("clustering.method", self.method, METHODS)
        if self.clusters is not None:
            require_positive(clusters=self.clusters)
        require_seed(**{"clustering.seed": self.seed})
        check_fuzziness(self.fuzziness)


def cluster_labels(points: Tensor, clusters: int, clustering: Clustering | None = None) -> Tensor:
    """Assign each point to its cluster, `[N, D]` -> `[N]` long from 0 to `clusters - 1`.

    Args:
        points: N points, on the CPU.
        clusters: Number of clusters.
        clustering: Method, fuzziness and seed; None is k-means.

    Raises:
        InputError: There are fewer different points than clusters.

    >>> labels = cluster_labels(torch.tensor([[0.0], [0.1], [5.0]]), 2)
    >>> bool(labels[0] == labels[1] != labels[2])
    True
    """
    from sklearn.cluster import KMeans, kmeans_plusplus  # imported late because it takes half a second

    settings = clustering or Clustering()
    points = points.float()
    if len(points) > POINTS:
        generator = torch.Generator().manual_seed(settings.seed)
        sample = points[torch.randperm(len(points), generator=generator)[:POINTS]]
    else:
        sample = points
    different = len(sample.unique(dim=0))
    require(clusters <= different, f"clusters is {clusters}: there are {different} different points to cluster")
    if settings.method == "k_means":
        model = KMeans(clusters, n_init=1, random_state=settings.seed).fit(sample.numpy())
        return torch.from_numpy(model.predict(points.numpy())).long()
    start = torch.from_numpy(kmeans_plusplus(sample.numpy(), clusters, random_state=settings.seed)[0])
    centres = fuzzy_c_means(sample.unsqueeze(0), clusters, settings.fuzziness, centres=start.unsqueeze(0)).centres
    return memberships(points.unsqueeze(0), centres, settings.fuzziness).squeeze(0).argmax(dim=1)
