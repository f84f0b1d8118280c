"""Pictures of embedded hidden states: the numbers behind them, and what training and test leave in a run's folder."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from episodic.plots.context_pictures import confusions_figure, course_figure, map_figure, some_contexts
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from callbacks.hidden_state_plots import (
    KINDS,
    HiddenStateFigures,
    by_nearest,
    embed_states,
    similarities_figure,
)
from cli import main
from datamodules.hidden_states import HiddenStateDataModule
from episodic.errors import InputError
from episodic.metrics.contexts import EmbeddedStates, context_metrics, find_contexts
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from lightning_modules.hidden_state_encoder import HiddenStateEncoder
from tests.harvests import generated_harvest
from tests.tiny import tiny_hidden_state_encoder

PICTURES = ("map", "confusions", "course", "similarities")


def states(episodes: int = 10) -> EmbeddedStates:
    """Episodes of two pulls; the embeddings of a context are alike, but for noise."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.arange(episodes) % 3 * 10).repeat_interleave(2)
    points = torch.eye(31)[labels] + 0.4 * torch.randn(len(labels), 31, generator=generator)
    predicted = torch.where(torch.rand(len(labels), generator=generator) < 0.5, labels, 0 * labels + 20)
    pulls = torch.tensor([1, 2]).repeat(episodes)
    return EmbeddedStates(points, labels, pulls, pulls.flip(0), predicted)


def drawn(figure: Figure) -> Figure:
    figure.canvas.draw()
    return figure


def test_confusions_are_shares_of_each_contexts_states() -> None:
    labels, predicted = torch.tensor([3, 3, 3, 3, 7, 7]), torch.tensor([3, 7, 3, 9, 7, 7])
    axes = drawn(confusions_figure(labels, predicted, "val", "the classifier")).axes[0]
    array = axes.images[0].get_array()
    assert array is not None
    assert np.asarray(array).tolist() == [[0.5, 0.25, 0.25], [0, 1, 0]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "7", "9"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3", "7"]
    assert [text.get_text() for text in axes.texts] == ["0.50", "0.25", "0.25", "0.00", "1.00", "0.00"]
    assert axes.get_title() == "val: contexts by the classifier, 66.7% of 6 states right"
    none = drawn(confusions_figure(labels[:0], predicted[:0], "val", "the nearest embedding"))
    assert [text.get_text() for text in none.axes[0].texts] == ["no state to predict the context of"]


def test_the_course_goes_by_pull_and_by_exposure() -> None:
    s = states()
    figure = drawn(course_figure({"classifier": s, "nearest embedding": s._replace(predicted=s.labels)}, "test"))
    right = s.predicted == s.labels
    for axes, numbers in zip(figure.axes, (s.pulls, s.exposures), strict=True):
        expected = [float(right[numbers == number].double().mean()) for number in (1, 2)]
        np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), expected)
        np.testing.assert_allclose(np.asarray(axes.lines[1].get_ydata()), [1, 1])
        assert list(np.asarray(axes.lines[0].get_xdata())) == [1, 2]
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        f"classifier: {right.double().mean():.3f}",
        "nearest embedding: 1.000",
    ]
    nothing = drawn(course_figure({"nearest embedding": s.take(torch.zeros(0).long())}, "test"))
    assert [text.get_text() for text in nothing.axes[0].texts] == ["no context was met twice"]


def test_the_nearest_predicts_where_the_context_was_met_twice() -> None:
    s = states()
    alone = s._replace(labels=torch.cat([torch.tensor([30, 30]), s.labels[2:]]))
    found, nearest = by_nearest(alone), find_contexts(alone)
    assert len(found.labels) == 18
    assert torch.equal(found.predicted, nearest.labels)
    assert torch.equal(found.pulls, alone.pulls[2:])
    share = float((found.predicted == found.labels).double().mean())
    assert share == pytest.approx(float(context_metrics(alone, classified=False)["recall_at_1"]))


def test_the_map_shows_some_states_of_some_contexts() -> None:
    labels = torch.arange(50).repeat(20)
    rows = some_contexts(labels, 5, 60)
    assert len(set(rows.tolist())) == 60
    assert set(labels[rows].tolist()) == {0, 12, 24, 36, 49}
    assert torch.equal(rows, some_contexts(labels, 5, 60))
    assert len(some_contexts(labels, 100, 5000)) == 1000
    s = states()
    figure = drawn(map_figure(torch.randn(20, 4), s.embeddings, s.labels, "val"))
    for axes, name in zip(figure.axes, ("states", "embeddings"), strict=True):
        assert len(np.asarray(axes.collections[0].get_offsets())) == 20
        assert axes.get_title() == f"{name}: t-SNE of 20"
    cues = drawn(map_figure(torch.randn(20, 4), s.embeddings, s.labels, "val", "cues"))
    assert cues.axes[0].get_title() == "cues: t-SNE of 20"


def test_a_map_of_too_few_states_says_so() -> None:
    figure = drawn(map_figure(torch.zeros(3, 4), torch.zeros(3, 2), torch.zeros(3).long(), "val"))
    assert all("needs" in axes.texts[0].get_text() for axes in figure.axes)


def test_similarities_are_of_both_kinds() -> None:
    found = context_metrics(states(), classified=False)
    legend = drawn(similarities_figure(states(), "test")).axes[0].get_legend()
    assert legend is not None
    for text, kind, name in zip(legend.get_texts(), KINDS, ("same", "different"), strict=True):
        assert text.get_text().startswith(kind)
        assert f"mean {float(found[f'similarity_{name}']):.2f})" in text.get_text()


# The callback


@pytest.mark.parametrize("episodes", [True, False])
def test_states_are_embedded_as_outside_training(episodes: bool, tmp_path: Path) -> None:
    data = HiddenStateDataModule(str(generated_harvest(tmp_path / "a.npz")), batch_size=5, episodes=episodes)
    data.setup("test")
    torch.manual_seed(0)
    network = partial(HiddenStateEmbedder, embedding_size=5, hidden_layer=7)
    module = HiddenStateEncoder(network, input_size=6, classes=4, averaging=0.9).train()
    raw, found = embed_states(module, data.test_dataloader())
    assert module.training
    expected: Tensor = data.states[data.parts.test].float().flatten(0, 1)
    assert torch.equal(raw, expected)
    torch.testing.assert_close(found.embeddings, module.eval().embed(expected))
    assert found.labels.tolist() == data.parts.labels[data.parts.test].repeat_interleave(3).tolist()
    assert found.pulls.tolist() == [1, 2, 3] * 8
    assert not found.embeddings.requires_grad


def test_training_and_test_leave_pictures_in_the_folder_and_in_tensorboard(tmp_path: Path) -> None:
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path, "hidden_state_encoder_kaiser", epochs=1)]) == 0
    run = tmp_path / "hidden_state_encoder_kaiser" / "version_0"
    assert {path.stem for path in (run / "figures").iterdir()} == {f"states_{name}_val" for name in PICTURES}
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    expected = {f"states_{name}_{split}" for name in PICTURES for split in ("val", "test")}
    assert {path.stem for path in (run / "figures").iterdir()} == expected
    images: set[str] = set()
    for events in run.glob("events*"):
        images |= set(EventAccumulator(str(events)).Reload().Tags()["images"])
    assert images == {f"figures/{name}" for name in expected}


@pytest.mark.parametrize("name", ["mapped", "contexts"])
def test_bad_input_is_told(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is 0: it has to be greater than 0"):
        HiddenStateFigures(**{name: 0})
