"""Memberships against the textbook."""

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.fuzzy.memberships import memberships
from tests.episodic.memory import fuzzy_oracle
from tests.episodic.memory.memory_oracle import DEVICES

BATCH, CLUSTERS, SIZE = 3, 4, 5
NEARLY_HARD = 1.05


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def assert_close(one: Tensor, other: Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(one.cpu(), other.cpu().to(one.dtype), atol=atol, rtol=0.0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [NEARLY_HARD, 1.2, 1.5, 2.0, 3.0, 8.0])
def test_memberships_equal_the_textbook(fuzziness: float, device: str) -> None:
    points, centres = draw(BATCH, 7, SIZE), draw(BATCH, CLUSTERS, SIZE, seed=1)
    found = memberships(points.to(device), centres.to(device), fuzziness)
    expected = [
        [fuzzy_oracle.membership(point, row_centres, fuzziness) for point in row]
        for row, row_centres in zip(points.tolist(), centres.tolist(), strict=True)
    ]
    assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [1, 10, 128])
@pytest.mark.parametrize("fuzziness", [1.0, NEARLY_HARD, 1.2, 2.0, 8.0])
def test_a_point_on_a_centre_belongs_to_it_alone(fuzziness: float, size: int, device: str) -> None:
    centres = draw(BATCH, CLUSTERS, size).to(device)
    assert_close(memberships(centres, centres, fuzziness), torch.eye(CLUSTERS).expand(BATCH, -1, -1), atol=0.0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [1.0, NEARLY_HARD, 2.0, 8.0])
def test_centres_that_coincide_share_equally(fuzziness: float, device: str) -> None:
    first, second = draw(2, 1, 1, 50).to(device)
    centres = torch.cat([first, first, second, first], dim=1)
    on_first, on_second, beside = memberships(torch.cat([first, second, first + 0.1], dim=1), centres, fuzziness)[0]
    assert_close(on_first, torch.tensor([1 / 3, 1 / 3, 0.0, 1 / 3]), atol=1e-6)
    assert_close(on_second, torch.tensor([0.0, 0.0, 1.0, 0.0]), atol=0.0)
    # Beside a centre, equal distances differ by rounding, which a small fuzziness magnifies; a hard choice is of one of
    # them, or of several.
    if fuzziness == 1:
        assert_close(beside[[0, 1, 3]].sum(), torch.tensor(1.0), atol=1e-6)
    else:
        assert_close(beside[[0, 1, 3]], beside[:1].expand(3))


@pytest.mark.parametrize("fuzziness", [1.2, 2.0, 3.0])
def test_memberships_pass_the_gradient_on(fuzziness: float) -> None:
    points = draw(BATCH, 3, SIZE).double().requires_grad_()
    centres = draw(BATCH, CLUSTERS, SIZE, seed=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda p, c: memberships(p, c, fuzziness), (points, centres))


@pytest.mark.parametrize("fuzziness", [NEARLY_HARD, 2.0, 5.0])
def test_the_gradient_on_a_centre_is_zero(fuzziness: float) -> None:
    centres = draw(1, CLUSTERS, SIZE)
    points = centres.clone().requires_grad_()
    memberships(points, centres, fuzziness)[..., 0].sum().backward()
    assert points.grad is not None
    assert points.grad.abs().max() == 0.0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fuzziness", [1.0, 1.2, 2.0])
@pytest.mark.parametrize("factor", [1e-37, 1e-30, 1e30, 1e37])
def test_the_unit_of_length_does_not_matter(factor: float, fuzziness: float, device: str) -> None:
    points, centres = draw(BATCH, 7, SIZE).to(device), draw(BATCH, CLUSTERS, SIZE, seed=1).to(device)
    expected = memberships(points, centres, fuzziness)
    assert_close(memberships(points * factor, centres * factor, fuzziness), expected)


def test_a_point_that_is_not_finite_spoils_no_other() -> None:
    points, centres = draw(BATCH, 7, SIZE), draw(BATCH, CLUSTERS, SIZE, seed=1)
    expected = memberships(points, centres)
    points[1, 3, 2] = float("nan")
    got = memberships(points, centres)
    assert got[1, 3].isnan().all()
    got[1, 3] = expected[1, 3]
    assert torch.equal(got, expected)


@pytest.mark.parametrize(
    ("message", "points", "centres", "fuzziness"),
    [
        (r"points has shape \(5,\)", (5,), (3, 4, 5), 2.0),
        (r"centres has shape \(2, 4, 5\): it must be \(3, C, 5\)", (3, 1, 5), (2, 4, 5), 2.0),
        (r"centres has shape \(3, 4, 6\)", (3, 1, 5), (3, 4, 6), 2.0),
        (r"centres has shape \(3, 0, 5\)", (3, 1, 5), (3, 0, 5), 2.0),
        (r"fuzziness is 0\.5", (3, 1, 5), (3, 4, 5), 0.5),
    ],
)
def test_bad_input_is_named(message: str, points: tuple[int, ...], centres: tuple[int, ...], fuzziness: float) -> None:
    with pytest.raises(InputError, match="^" + message):
        memberships(torch.zeros(points), torch.zeros(centres), fuzziness)


@pytest.mark.parametrize("dtype", [torch.long, torch.float16, torch.bfloat16])
def test_integers_and_half_precision_are_refused(dtype: torch.dtype) -> None:
    points, centres = torch.zeros(BATCH, 1, SIZE), torch.zeros(BATCH, CLUSTERS, SIZE)
    with pytest.raises(InputError, match=rf"^points is of {dtype}: it must be of torch\.float32 or torch\.float64$"):
        memberships(points.to(dtype), centres.to(dtype))
    with pytest.raises(InputError, match=rf"^centres is of {dtype}: it must be of torch\.float32$"):
        memberships(points, centres.to(dtype))
