from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.blocks import BlockDataModule
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.players import PLAYERS, play_block
from experiments import bandit_players
from experiments.bandit_players import main, player_regrets
from experiments.player_files import PlayerRegret, player_path, read_players
from tests.tiny import PROJECT

NUMBERS: dict[str, Any] = {"arms": 3, "contexts": 4, "exposures": 3, "pulls": 5}
TASK = BarcodeBandit(**NUMBERS, bits=6)


@pytest.mark.parametrize("name", ["random", "ideal"])
def test_regrets_are_those_of_a_loop(name: str) -> None:
    blocks = [TASK.draw_block(6, seed) for seed in (1, 2)]
    found = {(row.exposure, row.pull): row for row in player_regrets(TASK, blocks, [name])}
    assert len(found) == TASK.exposures * TASK.pulls
    for x in range(1, TASK.exposures + 1):
        totals = [0.0] * TASK.pulls
        for spec in blocks:
            regrets = play_block(PLAYERS[name], TASK, spec).regrets
            for e in range(spec.episodes):
                for b in range(spec.batch_size):
                    if int(spec.exposures[e, b]) == x:
                        for t in range(TASK.pulls):
                            totals[t] += sum(regrets[e, : t + 1, b].tolist())
        for t, total in enumerate(totals):
            row = found[x, t + 1]
            assert row.episodes == 2 * 6 * TASK.contexts
            assert row.regret == pytest.approx(total / row.episodes, abs=1e-5)


def test_both_bandits_with_the_same_seed_are_the_same_to_players() -> None:
    drawings = DrawingBandit(**NUMBERS, characters=7)
    one, other = TASK.draw_block(6, 3), drawings.draw_block(6, 3)
    assert torch.equal(one.exposures, other.exposures)
    assert all(map(torch.equal, one.rules, other.rules))
    names = ("random", "thompson", "ideal")
    assert player_regrets(TASK, [one], names) == player_regrets(drawings, [other], names)


def test_the_command_writes_all_players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = BlockDataModule(TASK, test_environments=4, test_blocks=1)
    monkeypatch.setattr(bandit_players, "BarcodeBandit", lambda: TASK)
    monkeypatch.setattr(bandit_players, "BlockDataModule", lambda task: small)
    threads = torch.get_num_threads()
    written = []
    for _ in range(2):
        assert main(["--results", str(tmp_path)]) == 0
        written.append(player_path(tmp_path).read_bytes())
    torch.set_num_threads(threads)
    assert written[0] == written[1]
    rows = read_players(player_path(tmp_path))
    assert list(dict.fromkeys(row.player for row in rows)) == ["random", "ucb1", "thompson", "gittins", "ideal"]
    assert rows[0] == PlayerRegret("random", 1, 1, 16, rows[0].regret)


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nosuch"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1


def test_the_shipped_figures_are_those_that_are_known() -> None:
    """Random choice loses 0.8 x 9/10 a pull; the rest as in docs/barcode_bandit.md."""
    rows = {(row.player, row.exposure, row.pull): row.regret for row in read_players(player_path(PROJECT / "results"))}
    for pull in (1, 5, 10):
        assert rows["random", 1, pull] == pytest.approx(0.72 * pull, abs=0.02)
    known = {"ucb1": 7.2, "thompson": 6.51, "gittins": 4.58}
    for name, regret in known.items():
        assert rows[name, 1, 10] == pytest.approx(regret, abs=0.03)
    assert rows["ideal", 1, 10] == pytest.approx(9 - 4.44, abs=0.03)
