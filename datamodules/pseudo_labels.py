"""Labels for those who know none: clusters of points."""

import torch
from sklearn.cluster import KMeans, kmeans_plusplus
from torch import Tensor

from episodic.errors import require, require_choice
from episodic.memory.fuzzy_c_means import fuzzy_c_means
from episodic.memory.memberships import memberships

CLUSTERINGS = ("k_means", "fuzzy_c_means")
#: Clusters are looked for among at most so many points; the others then join them.
POINTS = 20_000


def cluster_labels(points: Tensor, clusters: int, clustering: str, seed: int, fuzziness: float = 1.2) -> Tensor:
    """The cluster that each point belongs to most, `[N, D]` -> `[N]` long from 0 to `clusters - 1`.

    Args:
        points: N of them, on the CPU.
        clusters: number of clusters.
        clustering: `k_means` (scikit-learn) or `fuzzy_c_means` (`episodic.memory.fuzzy_c_means`).
        seed: of the start, which is k-means++ either way, and of the points looked at.
        fuzziness: of `fuzzy_c_means`; many clusters want little, since a larger one draws all centres together.

    Raises:
        InputError: an unknown clustering; fewer different points than clusters; a fuzziness of less than 1.
    """
    require_choice("clustering", clustering, CLUSTERINGS)
    points = points.float()
    if len(points) > POINTS:
        generator = torch.Generator().manual_seed(seed)
        sample = points[torch.randperm(len(points), generator=generator)[:POINTS]]
    else:
        sample = points
    different = len(sample.unique(dim=0))
    require(clusters <= different, f"clusters is {clusters}: there are {different} different points to be clustered")
    if clustering == "k_means":
        found = KMeans(clusters, n_init=1, random_state=seed).fit(sample.numpy())
        return torch.from_numpy(found.predict(points.numpy())).long()
    start = torch.from_numpy(kmeans_plusplus(sample.numpy(), clusters, random_state=seed)[0])
    centres = fuzzy_c_means(sample.unsqueeze(0), clusters, fuzziness, centres=start.unsqueeze(0)).centres
    return memberships(points.unsqueeze(0), centres, fuzziness).squeeze(0).argmax(dim=1)
