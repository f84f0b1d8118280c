"""What the command line fills in."""

from pathlib import Path
from typing import Any

import pytest
from jsonargparse import Namespace

from launcher.model_checks import fill_in_drawing_embedder
from tests.lightning_modules.stages import DRAWN, save_drawing_encoder

ARGUMENTS = {**DRAWN, "image_size": 28, "views": False, "turns": 1}
OPEN: dict[str, Any] = {"network": None, "arguments": None}


def settings(checkpoint: str | None, **embedder: Any) -> Namespace:
    """An agent's arguments with a warm start and an embedder of drawings."""
    perception = Namespace(embedder=Namespace(init_args=Namespace(**embedder)))
    start = Namespace(init_args=Namespace(drawings=checkpoint))
    return Namespace(perception=Namespace(init_args=perception), warm_start=start)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
        ({"network": "OmniglotEmbedder"}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
        ({"arguments": {"channels": 3}}, {"network": "OmniglotEmbedder", "arguments": {"channels": 3}}),
        ({"network": "", "arguments": {}}, {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}),
    ],
)
def test_an_embedder_of_drawings_is_described_as_in_its_checkpoint(given: Any, expected: Any, tmp_path: Path) -> None:
    arguments = settings(str(save_drawing_encoder(tmp_path / "drawings.ckpt")), **{**OPEN, **given})
    fill_in_drawing_embedder(arguments)
    assert arguments.perception.init_args.embedder.init_args.as_dict() == expected


@pytest.mark.parametrize(
    ("checkpoint", "given"),
    [("gone.ckpt", {"network": "OmniglotEmbedder", "arguments": ARGUMENTS}), (None, OPEN), ("", OPEN)],
)
def test_nothing_is_read_where_nothing_is_missing(checkpoint: str | None, given: Any) -> None:
    arguments = settings(checkpoint, **given)
    fill_in_drawing_embedder(arguments)
    assert arguments.perception.init_args.embedder.init_args.as_dict() == given


@pytest.mark.parametrize("nothing", [Namespace(), Namespace(perception=None, warm_start=None)])
def test_an_agent_without_either_stays_as_it_is(nothing: Namespace) -> None:
    before = nothing.clone()
    fill_in_drawing_embedder(nothing)
    assert nothing == before
