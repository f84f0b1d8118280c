"""Input speed of Omniglot's drawings: the data module against torchvision's data set in a DataLoader.

    python benchmarks/omniglot_input.py [--batch-size 256] [--threads 1] [--rounds 5] [--workers 0 2] [--characters 10]

Prints one JSON object: images per second over a shuffled epoch of batches at 28 x 28.

- `shuffled`, `rotations`, `by_class`: the data module's batches; `augmented`, `rotations_augmented`: also deformed.
- `torchvision_workers_N`: `torchvision.datasets.Omniglot` decodes and resizes each requested drawing.

The variants take turns, so that a change in the machine's speed affects all of them. Speeds are medians over the
rounds, ratios are medians of the ratios within a round. The drawings are Omniglot's if OMNIGLOT_ROOT names a folder
that holds it, else generated ones.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import Omniglot

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import positive
from benchmarks.throughput import ratio
from benchmarks.timing import take_turns
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.augmentation import Augmentation, augment
from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.images import SMALLEST
from episodic.drawings.omniglot.root import FOLDER, VARIABLE, holds_omniglot
from episodic.drawings.omniglot.sources import OmniglotDrawings

ALPHABETS = 12  # generated ones; 5 of them validate
STRENGTHS: Augmentation = {
    "degrees": 15.0,
    "scale": 0.2,
    "shear": 10.0,
    "translate": 0.08,
    "stroke": 0.3,
    "elastic": 0.02,
}


class LocalOmniglot(Omniglot):  # type: ignore[misc]
    """Torchvision's data set of background drawings, without its check of the official archive."""

    def __init__(self, root: Path) -> None:
        steps = [transforms.Resize((SMALLEST, SMALLEST)), transforms.ToTensor()]
        super().__init__(str(root), background=True, transform=transforms.Compose(steps))

    def _check_integrity(self) -> bool:
        return True


class Epoch:
    """One variant; a call iterates over an epoch and returns images per second."""

    def __init__(self, loader: DataLoader[Any], change: Callable[[Tensor], Tensor] | None = None) -> None:
        self.loader, self.change = loader, change

    def __call__(self) -> float:
        begun, count = time.perf_counter(), 0
        for images, _ in self.loader:
            count += len(self.change(images) if self.change else images)
        return count / (time.perf_counter() - begun)


def find_drawings(scratch: Path, characters: int) -> tuple[Path, bool]:
    """Return a root of drawings, and whether they are Omniglot's."""
    root = Path(os.environ.get(VARIABLE, "")).expanduser()
    if os.environ.get(VARIABLE) and holds_omniglot(root):
        return root, True
    names = [f"Alphabet{number}" for number in range(ALPHABETS)]
    generate_omniglot(scratch, dict.fromkeys(names, characters), {"Evaluation": 1})
    return scratch, False


def unpacked(root: Path, scratch: Path) -> Path:
    """Return a root whose background drawings lie in folders, as torchvision requires."""
    folder = root / FOLDER / "images_background"
    if folder.is_dir():
        return root
    with zipfile.ZipFile(folder.with_suffix(".zip")) as archive:
        archive.extractall(scratch / "unpacked" / FOLDER)
    return scratch / "unpacked"


def data_module(root: Path, scratch: Path, batch_size: int, official: bool, **settings: Any) -> OmniglotDataModule:
    """Return the project's data module, ready for training."""
    data = OmniglotDataModule(
        str(root),
        OmniglotDrawings(check_counts=official),
        batch_size=batch_size,
        cache_dir=str(scratch / "cache"),
        **settings,
    )
    data.prepare_data()
    data.setup("fit")
    return data


def deform(images: Tensor) -> Tensor:
    """Deform drawings as the measured variants do."""
    return augment(images, **STRENGTHS)


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Measure all variants."""
    root, official = find_drawings(scratch, arguments.characters)
    plain, decoding = timed(lambda: data_module(root, scratch, arguments.batch_size, official))
    variants = epochs(arguments, root, scratch, official, plain)
    take_turns(variants, 1)  # warm-up: worker processes start, and the system caches files
    speeds = take_turns(variants, arguments.rounds)
    slow = [name for name in speeds if name.startswith("torchvision")]
    return {
        "drawings": "omniglot" if official else "generated",
        "training_drawings": len(plain.train.labels),
        "images_per_second": {name: round(statistics.median(rates)) for name, rates in speeds.items()},
        "decoding_once_seconds": round(decoding, 3),
        **{f"over_{other}": {one: ratio(speeds, one, other) for one in speeds if one not in slow} for other in slow},
    }


def epochs(
    arguments: argparse.Namespace, root: Path, scratch: Path, official: bool, plain: OmniglotDataModule
) -> dict[str, Callable[[], float]]:
    """Build all variants by name."""
    size = arguments.batch_size
    rotated = data_module(root, scratch, size, official, rotations=True).train_dataloader()
    by_class = data_module(root, scratch, size, official, per_class=4).train_dataloader()
    variants: dict[str, Callable[[], float]] = {
        "shuffled": Epoch(plain.train_dataloader()),
        "rotations": Epoch(rotated),
        "by_class": Epoch(by_class),
        "augmented": Epoch(plain.train_dataloader(), deform),
        "rotations_augmented": Epoch(rotated, deform),
    }
    decoded = LocalOmniglot(unpacked(root, scratch))
    for workers in arguments.workers:
        loader: DataLoader[Any] = DataLoader(
            decoded, size, shuffle=True, num_workers=workers, persistent_workers=workers > 0
        )
        variants[f"torchvision_workers_{workers}"] = Epoch(loader)
    return variants


def timed(action: Callable[[], OmniglotDataModule]) -> tuple[OmniglotDataModule, float]:
    """Run an action and return its result and its seconds."""
    begun = time.perf_counter()
    result = action()
    return result, time.perf_counter() - begun


def workers(text: str) -> int:
    """Parse a whole number from 0 up."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 up")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch-size", type=positive, default=256)
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--workers", type=workers, nargs="+", default=[0, 2], help="of torchvision's DataLoader")
    parser.add_argument("--characters", type=positive, default=10, help="of each generated alphabet")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        measured = measure(arguments, Path(scratch))
    result = {
        "batch_size": arguments.batch_size,
        "image_size": SMALLEST,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        **measured,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
