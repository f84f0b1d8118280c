"""The loss by which an encoder learns the similarities that its teachers see."""

import torch
from torch import Tensor

from episodic.errors import require


def distillation_loss(embedding: Tensor, similarity: Tensor) -> Tensor:
    """Compare the cosines of a student's embeddings with the similarities that teachers give.

        L = sum_{i != j} (s_i . s_j - T_ij)^2 / sum_{i != j} T_ij^2

    Park, Kim, Lu & Cho 2019, "Relational Knowledge Distillation", arXiv 1904.05068, and Tung & Mori 2019,
    "Similarity-Preserving Knowledge Distillation", arXiv 1907.09682: relations between the items of a batch are taught,
    so that teachers and student may differ in the length of their embeddings. Differs from the papers: the relation is
    the cosine, and the error is a share of the teachers' similarities. 0 is perfect; embeddings that are all
    orthogonal score 1.

    Args:
        embedding: s, unit-length embeddings of the student, `[B, D]`.
        similarity: T, `[B, B]`; no gradient reaches it.

    Returns:
        A scalar; 0 for a batch of one.

    Raises:
        InputError: the shapes do not fit.

    >>> distillation_loss(torch.eye(3), torch.full((3, 3), 0.5))
    tensor(1.)
    """
    count = embedding.shape[0]
    require(
        embedding.dim() == 2 and similarity.shape == (count, count),
        f"similarity has shape {tuple(similarity.shape)}: embeddings {tuple(embedding.shape)} need [B, B]",
    )
    with torch.autocast(embedding.device.type, enabled=False):
        full = embedding.to(torch.promote_types(embedding.dtype, torch.float32))
        target = similarity.detach().to(full.dtype)
        pairs = 1 - torch.eye(count, device=full.device, dtype=full.dtype)
        error = (pairs * (full @ full.T - target)).square().sum()
        return error / (pairs * target).square().sum().clamp_min(torch.finfo(full.dtype).tiny)
