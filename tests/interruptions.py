"""Interrupt many trainings at random moments, and check that each ends, once resumed, as one left alone.

`python -m tests.interruptions` kills trainings of all stages a hundred times, twenty times of these while a checkpoint
is written, and stops others by full disks and by `max_steps`. `tests/test_processes.py` does a little of this.
"""

import argparse
import random
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from episodic.checkpoints import read_checkpoint
from episodic.drawings.handwriting.archives import generate_omniglot
from tests.forked import Death, finish, start
from tests.runs import assert_equal_runs
from tests.tiny import tiny_autoencoder, tiny_bandit, tiny_encoder, tiny_hidden_state_encoder

STAGES = ("agent", "autoencoder", "encoder of drawings", "encoder of states")
EPOCHS = 4
KAISER = ["--model.objectives.kaiser.weight=0.5", "--model.objectives.kaiser.memory_size=20"]
#: Without schedules a training does not depend on its planned length; without pictures it is short.
PLAIN = ["--model.learning_rate_schedule=null", "--trainer.callbacks=[]"]


def training(stage: str, root: Path, drawings: Path) -> list[str]:
    """Arguments of `fit` for a small training; the encoders have memories that outlive their batches."""
    if stage == "agent":
        return [*tiny_bandit(root, epochs=EPOCHS), *PLAIN, "--model.loss.entropy_weight.end=0.05"]
    if stage == "autoencoder":
        return [*tiny_autoencoder(root, drawings, epochs=EPOCHS), *PLAIN]
    if stage == "encoder of drawings":
        return [*tiny_encoder(root, drawings, epochs=EPOCHS), *PLAIN, *KAISER]
    return [*tiny_hidden_state_encoder(root, epochs=EPOCHS), *PLAIN, *KAISER, "--model.averaging=0.9"]


class Campaign:
    """Trainings of one stage, all with the same seed, of which one is left alone.

    Args:
        stage: one of `STAGES`.
        root: folder of the runs.
        drawings: root of generated drawings.
        temporary: folder for temporary files, on another file system than the runs.
        chance: decides when trainings are interrupted.
    """

    def __init__(self, stage: str, root: Path, drawings: Path, temporary: Path, chance: random.Random) -> None:
        self.arguments, self.drawings = training(stage, root, drawings), drawings
        self.stage, self.root, self.temporary, self.chance = stage, root, temporary, chance
        self.log, self.attempts = root / "output.txt", 0
        began = time.monotonic()
        self.whole = self.begin(())
        self.seconds = time.monotonic() - began
        self.run = self.whole

    def begin(self, more: tuple[str, ...] = (), root: Path | None = None) -> Path:
        """Train a new run to its end, or to where `more` ends it."""
        command = self._new(root)
        finish(start([*command, *more], self.log, self.temporary), self.log)
        return self.run

    def _new(self, root: Path | None = None) -> list[str]:
        """The command of a new run, whose folder is `self.run` from now on."""
        self.attempts += 1
        name = self.whole.parent.name if self.attempts > 1 else self._name()
        self.run = (root or self.root) / name / f"run_{self.attempts}"
        place = ["--run.root", str(root or self.root), "--run.version", self.run.name]
        return ["fit", *self.arguments, *place]

    def _name(self) -> str:
        return Path(self.arguments[self.arguments.index("--config") + 1]).stem

    def command(self) -> list[str]:
        """What goes on with the run, or begins anew where it has no checkpoint."""
        last = self.run / "checkpoints" / "last.ckpt"
        return ["fit", "--ckpt_path", str(last)] if last.is_file() else self._new()

    def kill(self) -> bool:
        """Kill the run at a random moment; False if it had ended before."""
        process = start(self.command(), self.log, self.temporary)
        process.join(self.chance.uniform(0, self.seconds))
        alive = process.is_alive()
        process.kill()
        process.join()
        self.check_files()
        return alive

    def kill_while_writing(self) -> None:
        """Kill the run in one of its checkpoints; each epoch writes up to two."""
        death = Death(self.chance.randrange(2), self.chance.random())
        process = start(self._resumable(), self.log, self.temporary, death)
        process.join()
        assert process.exitcode == -9, self.log.read_text()[-2000:]
        self.check_files()

    def _resumable(self) -> list[str]:
        """What goes on with the run, or begins anew where it has no more than one epoch left."""
        last = self.run / "checkpoints" / "last.ckpt"
        left = EPOCHS - (1 + int(read_checkpoint(last)["epoch"]) if last.is_file() else 0)
        return self.command() if left > 1 else self._new()

    def check_files(self) -> None:
        """Whatever checkpoint is there is whole, and no file is left in the temporary folder."""
        for path in self.run.glob("checkpoints/*.ckpt"):
            read_checkpoint(path)
        assert not list(self.temporary.iterdir())

    def check_end(self) -> None:
        """Let the run go on to its end, which is that of the one left alone."""
        finish(start(self.command(), self.log, self.temporary), self.log)
        assert_equal_runs(self.whole, self.run)
        assert {path.name for path in self.run.glob("checkpoints/*")} == {"best.ckpt", "last.ckpt"}

    def kills(self, count: int, writing: int = 0) -> None:
        """Kill as often, up to four times a run, `writing` times of these while a checkpoint is written."""
        moments = [True] * writing + [False] * (count - writing)
        self.chance.shuffle(moments)
        self._new()
        for number, in_writing in enumerate(moments, start=1):
            if in_writing:
                self.kill_while_writing()
            else:
                while not self.kill():  # it had ended: that run is done, another one is killed
                    self.check_end()
                    self._new()
            if number % 4 == 0 or number == count:
                self.check_end()
                self._new()

    def steps(self, most: int) -> None:
        """Stop a run by `max_steps`, and let it go on without a limit."""
        self.begin((f"--trainer.max_steps={most}",))
        self.check_files()
        finish(start([*self.command(), "--trainer.max_steps=-1"], self.log), self.log)
        assert_equal_runs(self.whole, self.run)

    def full_disk(self, size: int, mounted: Path) -> int:
        """Train on a disk of so many bytes; make it larger and go on. Returns the first status."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", mounted], check=True)
        try:
            before = len(self.log.read_text())
            process = start(self._new(mounted), self.log, self.temporary)
            process.join()
            output = self.log.read_text()[before:].strip()
            assert process.exitcode in (0, 2), output
            assert (process.exitcode == 0) or ("the disk is full" in output and "\n" not in output), output
            self.check_files()
            subprocess.run(["mount", "-o", "remount,size=1G", mounted], check=True)
            last = self.run / "checkpoints" / "last.ckpt"
            command = ["fit", "--ckpt_path", str(last)] if last.is_file() else self._new(mounted)
            if process.exitcode == 2:
                finish(start(command, self.log, self.temporary), self.log)
            assert_equal_runs(self.whole, self.run)
            return int(process.exitcode or 0)
        finally:
            subprocess.run(["umount", "--lazy", mounted], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--writing", type=int, default=20, help="kills while a checkpoint is written")
    parser.add_argument("--steps", type=int, default=20, help="trainings that end by max_steps")
    parser.add_argument("--disks", type=int, default=10, help="sizes of a disk that fills up; this needs root")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as temporary:
        root = Path(folder)
        generate_omniglot(root / "drawings", dict.fromkeys("ABCDEF", 4), dict.fromkeys("GHI", 4))
        stages = {}
        for stage in STAGES:
            (root / stage).mkdir()
            stages[stage] = Campaign(stage, root / stage, root / "drawings", Path(temporary), chance)
            print(f"{stage}: left alone in {stages[stage].seconds:.1f} s", flush=True)
        for number, campaign in enumerate(stages.values()):
            parts = [len(range(number, most, len(stages))) for most in (options.kills, options.writing, options.steps)]
            campaign.kills(*parts[:2])
            steps = read_checkpoint(campaign.whole / "checkpoints" / "last.ckpt")["global_step"]
            limits = [chance.randrange(1, steps) for _ in range(parts[2])]
            for limit in limits:
                campaign.steps(limit)
            print(
                f"{campaign.stage}: {parts[0]} kills, {parts[1]} in a checkpoint, max_steps {limits}: equal", flush=True
            )
        mounted = root / "disk"
        mounted.mkdir()
        for number in range(options.disks):
            campaign = list(stages.values())[number % len(stages)]
            run = sum(path.stat().st_size for path in campaign.whole.rglob("*") if path.is_file())
            size = int(run * chance.uniform(0.05, 1.6))
            status = campaign.full_disk(size, mounted)
            print(f"{campaign.stage}: a disk of {size:,} bytes, status {status}: equal", flush=True)
        with suppress(OSError):
            mounted.rmdir()


if __name__ == "__main__":
    main()
