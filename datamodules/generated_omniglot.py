"""Generated characters in the place of Omniglot's: training without the data set and without the network."""

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path

import platformdirs

from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.generated import FORMAT, generate_omniglot
from episodic.errors import InputError, require, require_positive


class GeneratedOmniglotDataModule(OmniglotDataModule):
    """`OmniglotDataModule` on as many characters as Omniglot has, all of them generated.

    They are generated into the cache folder the first time that they are asked for, and stay there; other numbers or
    another seed are another data set. Left at its defaults it is as large as Omniglot.

    Args:
        background_alphabets: background alphabets, which `lake` trains and validates on.
        background_characters: characters of all background alphabets together, shared out evenly.
        evaluation_alphabets: evaluation alphabets, which `lake` tests on.
        evaluation_characters: characters of all evaluation alphabets together.
        drawings: of each character.
        drawing_seed: of the characters and drawings.
        image_size, batch_size and so on: as `OmniglotDataModule` has them.

    Raises:
        InputError: a number out of its range, an unknown protocol or alphabet, or a cache folder that cannot be
            written to.
    """

    def __init__(
        self,
        background_alphabets: int = 30,
        background_characters: int = 964,
        evaluation_alphabets: int = 20,
        evaluation_characters: int = 659,
        drawings: int = 20,
        drawing_seed: int = 0,
        image_size: int = 28,
        batch_size: int = 256,
        validation_alphabets: int | None = None,
        classes: int | None = None,
        split_seed: int = 0,
        cache_dir: str | None = None,
        protocol: str = "lake",
        validation_classes: int | None = None,
        alphabets: list[str] | None = None,
        rotations: bool = False,
        per_class: int | None = None,
        shots: int | None = None,
        composite_classes: int = 0,
    ) -> None:
        super().__init__(
            image_size=image_size,
            batch_size=batch_size,
            validation_alphabets=validation_alphabets,
            classes=classes,
            split_seed=split_seed,
            cache_dir=cache_dir,
            check_counts=False,
            protocol=protocol,
            validation_classes=validation_classes,
            alphabets=alphabets,
            rotations=rotations,
            per_class=per_class,
            shots=shots,
            composite_classes=composite_classes,
        )
        require_positive(drawings=drawings)
        require(drawing_seed >= 0, f"drawing_seed is {drawing_seed}: it has to be at least 0")
        self.background = _shared_out("background", background_characters, background_alphabets)
        self.evaluation = _shared_out("evaluation", evaluation_characters, evaluation_alphabets)
        self.drawings, self.drawing_seed = drawings, drawing_seed
        self.root = str(self._folder())

    def class_counts(self) -> dict[str, int]:
        """Number of characters in `train`, `val` and `test`; before `setup` it generates the data set."""
        self._generate()
        return super().class_counts()

    def prepare_data(self) -> None:
        """Generate the data set and decode it into the cache; Lightning lets one process do this."""
        self._generate()
        super().prepare_data()

    def setup(self, stage: str | None = None) -> None:
        """Load `train`, `val` and `test`; a second call changes nothing."""
        self._generate()
        super().setup(stage)

    def _folder(self) -> Path:
        """Where the data set lies: named after all that it depends on."""
        given = [FORMAT, list(self.background.items()), list(self.evaluation.items()), self.drawings, self.drawing_seed]
        name = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]
        cache = Path(self.cache_dir or platformdirs.user_cache_dir("episodic-memory-lab")).expanduser()
        return cache / f"generated-{name}"

    def _generate(self) -> None:
        """Make the data set unless it is there; several processes may do so at once, and none meets half of it."""
        folder = self._folder()
        if folder.is_dir():
            return
        temporary = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.tmp")
        try:
            generate_omniglot(
                temporary, self.background, self.evaluation, self.drawings, seed=self.drawing_seed, progress=True
            )
            os.rename(temporary, folder)
        except OSError as error:
            if not folder.is_dir():  # else another process was first
                raise InputError(
                    f"generated drawings cannot be kept in {folder.parent} ({error.strerror}): "
                    f"--data.cache_dir names another folder"
                ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _shared_out(part: str, characters: int, alphabets: int) -> dict[str, int]:
    """Number of characters of each alphabet, as even as can be."""
    require_positive(**{f"{part}_alphabets": alphabets})
    require(
        characters >= alphabets,
        f"{part}_characters is {characters}: it has to be at least {part}_alphabets, {alphabets}",
    )
    share, more = divmod(characters, alphabets)
    return {f"{part}{number + 1:02d}": share + (number < more) for number in range(alphabets)}
