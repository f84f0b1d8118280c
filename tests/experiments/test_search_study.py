from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, Trial, TrialState

from episodic.errors import InputError
from experiments.search_storage import open_study
from experiments.search_study import SharedStudy, number_of
from tests.experiments.searches import said, search


@pytest.fixture(params=["journal", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "a.log") if request.param == "journal" else f"sqlite:///{tmp_path}/a.db"


def opened(storage: str, **changes: Any) -> SharedStudy:
    """The study as another process sees it, with what it holds on to apart."""
    found = search(**changes)
    return SharedStudy(open_study(found, Path("unused"), storage), found.parameters, found.trials)


def claimed(study: SharedStudy) -> tuple[Trial, dict[str, Any]]:
    found = study.claim()
    assert found is not None
    return found


def look(study: SharedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a process look at once for what others left."""
    monkeypatch.setattr(study, "_last_beat", -1e9)
    study.beat()


def states(study: SharedStudy) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_there_are_as_many_trials_as_were_asked_for_over_all_processes(storage: str) -> None:
    one, other = opened(storage, trials=3), opened(storage, trials=3)
    first, second, third = claimed(one), claimed(other), claimed(one)
    assert [trial.number for trial, _ in (first, second, third)] == [0, 1, 2]
    assert one.claim() is None
    assert other.claim() is None
    for (trial, _), study, value in ((first, one, 1.0), (second, other, 3.0)):
        assert study.finish(trial, [value, value + 1], 2.0)
    assert not one.settled
    assert one.fail(third[0], "it broke", 1.0)
    assert other.settled
    assert [trial.value for trial in other.ranked] == [3.5, 1.5]
    assert other.best is not None
    assert other.best.user_attrs["values"] == [3.0, 4.0]
    more = opened(storage, trials=4)
    assert not more.settled
    assert claimed(more)[0].number == 3


def test_the_best_is_the_least_where_less_is_better(storage: str) -> None:
    study = opened(storage, direction="minimize")
    for value in (2.0, 1.0, 3.0, 1.0):
        study.finish(claimed(study)[0], [value], 0.0)
    assert [trial.number for trial in study.ranked] == [1, 3, 0, 2]


def test_one_trial_too_many_is_withdrawn(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = opened(storage, trials=1), opened(storage, trials=1)
    ask = other.study.ask

    def ask_too_late() -> Trial:
        claimed(one)  # after the other has found that there is one to be had
        return ask()

    monkeypatch.setattr(other.study, "ask", ask_too_late)
    assert other.claim() is None
    assert states(one) == ["RUNNING"]
    assert len(one.study.trials) == 2


def test_what_a_process_left_is_taken_up_at_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = opened(storage, trials=2), opened(storage, trials=2)
    look(one, monkeypatch)
    _, values = claimed(one)
    look(other, monkeypatch)
    assert states(other) == ["RUNNING"], "it was taken from a process that is there"
    one.leave()
    look(other, monkeypatch)
    again, same = claimed(other)
    assert (number_of(again), same) == (0, values)
    assert again.number == 1
    assert states(other) == ["RUNNING"], "the trial that was left counts no more"
    assert claimed(other)[0].number == 2
    assert other.claim() is None


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("experiments.search_study.time.monotonic", lambda: self.now)


def test_a_process_without_a_sign_is_taken_for_dead(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = (opened(storage, trials=1) for _ in range(3))
    clock = Clock(monkeypatch)
    look(one, monkeypatch)
    trial, values = claimed(one)
    look(other, monkeypatch)
    clock.now = 50.0
    look(one, monkeypatch)
    look(third, monkeypatch)
    clock.now = 100.0
    look(other, monkeypatch)
    assert states(other) == ["RUNNING"], "it showed a sign in between"
    clock.now = 170.0
    for study in (other, third):
        look(study, monkeypatch)
    assert states(other) == ["WAITING"]
    assert not other.settled
    again, same = claimed(third)
    assert other.claim() is None, "both took it"
    assert same == values
    assert not one.finish(trial, [1.0], 1.0), "the one that was slow has lost it"
    assert third.finish(again, [2.0], 1.0)
    assert opened(storage, trials=1).settled
    assert [found.value for found in other.ranked] == [2.0]


def test_a_trial_of_which_only_the_number_was_taken_is_replaced(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = opened(storage, trials=1)
    study.study.ask()  # and killed
    clock = Clock(monkeypatch)
    look(study, monkeypatch)
    clock.now = 100.0
    look(study, monkeypatch)
    trial, values = claimed(study)
    assert number_of(trial) == 0
    assert sorted(values) == ["model.loss.discount", "model.memory"]


def test_a_failure_that_was_not_told_of_to_the_end_stays_one(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = opened(storage, trials=1), opened(storage, trials=1)
    claimed(one)[0].set_user_attr("message", "it broke")
    one.leave()
    look(other, monkeypatch)
    assert other.settled
    assert states(other) == ["FAIL"]


def drawn(study: SharedStudy, number: int) -> list[dict[str, Any]]:
    """The values of so many trials, each of which is as good as its discount."""
    values = []
    for _ in range(number):
        trial, chosen = claimed(study)
        study.finish(trial, [chosen["model.loss.discount"]], 0.0)
        values.append(chosen)
    return values


def test_what_is_drawn_does_not_depend_on_interruptions(tmp_path: Path) -> None:
    whole = drawn(opened(str(tmp_path / "whole.log"), trials=20), 20)
    parts = [chosen for _ in range(4) for chosen in drawn(opened(str(tmp_path / "parts.log"), trials=20), 5)]
    assert whole == parts
    assert len({chosen["model.loss.discount"] for chosen in whole}) == 20
    first, last = whole[:10], whole[10:]
    assert sum(chosen["model.loss.discount"] for chosen in last) > sum(
        chosen["model.loss.discount"] for chosen in first
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"metric": "val/regret"}, "other metric: val/reward, now val/regret"),
        ({"direction": "minimize"}, "other direction"),
        ({"seeds": [1, 2]}, r"other seeds: \[1\], now \[1, 2\]"),
        ({"overrides": None}, "other overrides"),
        (
            {"parameters": {**said()["parameters"], "a": {"choices": [1, 2]}}},
            r"other parameters: {'a': None}, now {'a'",
        ),
    ],
    ids=str,
)
def test_a_search_that_has_changed_is_refused(changes: dict[str, Any], complaint: str, storage: str) -> None:
    opened(storage)
    with pytest.raises(InputError, match=f"^search small was begun with {complaint}[^\n]*$"):
        opened(storage, **changes)
    opened(storage, trials=99)


def test_a_config_that_has_changed_is_refused(tmp_path: Path) -> None:
    config, journal = tmp_path / "some.yaml", str(tmp_path / "a.log")
    config.write_text("a: 1")
    opened(journal, config=str(config))
    config.write_text("a: 1 # as before")
    opened(journal, config=str(config))
    config.write_text("a: 2")
    with pytest.raises(InputError, match="other content of the config"):
        opened(journal, config=str(config))


def test_a_study_of_something_else_is_refused(tmp_path: Path) -> None:
    import optuna

    storage = f"sqlite:///{tmp_path}/a.db"
    optuna.create_study(storage=storage, study_name="small").ask()
    with pytest.raises(InputError, match="has a study small that is no search"):
        opened(storage)


def test_a_trial_with_the_same_values_is_found(tmp_path: Path) -> None:
    study = opened(str(tmp_path / "a.log"))
    trial, values = claimed(study)
    assert study.twin(values) is None
    study.finish(trial, [1.0], 0.0)
    found = study.twin(values)
    assert isinstance(found, FrozenTrial)
    assert (found.number, found.state) == (0, TrialState.COMPLETE)
    assert study.twin({**values, "model.loss.discount": 2.0}) is None
