"""Training speed of the encoders of drawings: in 16 and in 32 bits, through Lightning, and of their input.

    python benchmarks/encoders.py [--batch-size 64] [--threads 2] [--rounds 5] [--steps 8] [--device auto|cpu|cuda]
        [--channels N] [--characters 10]

Prints one JSON object: images a second.

- `residual_bf16`, `residual_32`, `convolutional_bf16`, `convolutional_32`, `autoencoder_bf16`, `autoencoder_32`: whole
  training steps in a bare loop over the modules' own steps (batch, augmentation, forward, objective, backward,
  optimiser, schedule, moving average of the weights).
- `residual_bf16_lightning`: the same steps through Lightning.
- `input`, `autoencoder_input`: batches of the encoders and of the autoencoder, deformed or turned, on the device.

`input_share` is the input's share of a step's time. On a CUDA device, which computes while the next
batch is made, this is an upper bound.

Models and data are those of the shipped configs, except for the batch size, which is the same for all, and the
backbone. The variants take turns, so that changes in the machine's speed affect all of them. Speeds are medians over
the rounds, ratios are medians of the ratios within a round. The first step of each turn warms up and is not measured.
Drawings are Omniglot's if OMNIGLOT_ROOT names a folder that holds it; otherwise they are generated and have fewer
classes. On a CUDA device `peak_mebibytes` is the memory that training needs.
"""

import argparse
import json
import platform
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import device, positive
from benchmarks.encoder_variants import (
    PRECISIONS,
    BareLoop,
    Input,
    Measured,
    Setting,
    Stage,
    ThroughLightning,
    build,
)
from benchmarks.omniglot_input import find_drawings
from benchmarks.throughput import ratio
from benchmarks.timing import take_turns
from launcher.main import run

#: Config and its changes, by the name of the stage.
STAGES = {
    "residual": ("omniglot_encoder", ["--model.network.backbone", "residual"]),
    "convolutional": ("omniglot_encoder", ["--model.network.backbone", "convolutional"]),
    "autoencoder": ("autoencoder", []),
}


def build_stages(arguments: argparse.Namespace, scratch: Path) -> tuple[dict[str, Stage], bool]:
    """Build all stages by name; return them and whether their drawings are Omniglot's."""
    root, official = find_drawings(scratch, arguments.characters)
    data = ["--data.root", str(root), "--data.drawings.check_counts", str(official).lower()]
    if not official:  # Omniglot is decoded for training anyway
        data += ["--data.cache_dir", str(scratch / "cache")]
    common = [*data, "--data.batch_size", str(arguments.batch_size), "--run.root", str(scratch)]
    if arguments.channels is not None:
        common += ["--model.network.channels", str(arguments.channels)]
    return {name: build(config, [*common, *changes]) for name, (config, changes) in STAGES.items()}, official


def build_variants(stages: dict[str, Stage], setting: Setting) -> dict[str, Callable[[], Measured]]:
    """Build all variants by name."""
    variants: dict[str, Callable[[], Measured]] = {}
    for name, stage in stages.items():
        variants |= {f"{name}_{precision}": BareLoop(stage, setting, precision) for precision in PRECISIONS}
    variants["residual_bf16_lightning"] = ThroughLightning(stages["residual"], setting)
    variants["input"] = Input(stages["residual"], setting)
    variants["autoencoder_input"] = Input(stages["autoencoder"], setting)
    return variants


def summary(results: dict[str, list[Measured]]) -> dict[str, Any]:
    """Compute medians and ratios over the rounds."""
    rates = {name: [turn.rate for turn in turns] for name, turns in results.items()}
    return {
        "images_per_second": {name: round(statistics.median(each), 1) for name, each in rates.items()},
        "bf16_over_32": {name: ratio(rates, f"{name}_bf16", f"{name}_32") for name in STAGES},
        "lightning_over_bare_loop": ratio(rates, "residual_bf16_lightning", "residual_bf16"),
        "input_share": {name: ratio(rates, name, input_of(name)) for name in trained(results)},
    }


def trained(results: dict[str, list[Measured]]) -> list[str]:
    """List the variants that train."""
    return [name for name in results if not name.endswith("input")]


def input_of(name: str) -> str:
    """Return the variant that measures the input of a training variant."""
    return "autoencoder_input" if name.startswith("autoencoder") else "input"


def peaks(results: dict[str, list[Measured]]) -> dict[str, float]:
    """Return the largest number of MiB that training allocated on a CUDA device, over all rounds."""
    return {name: round(max(turn.peak for turn in results[name]) / 2**20, 1) for name in trained(results)}


def cpu_name() -> str:
    """Return the processor's model."""
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.is_file() else ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor() or platform.machine()


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Measure everything; return the numbers by name."""
    stages, official = build_stages(arguments, scratch)
    results = take_turns(build_variants(stages, Setting(arguments.steps, arguments.device)), arguments.rounds)
    return {
        "drawings": "omniglot" if official else "generated",
        "training_classes": {name: stage.data.train_classes for name, stage in stages.items()},
        **summary(results),
        **({"peak_mebibytes": peaks(results)} if arguments.device.type == "cuda" else {}),
    }


def any_device(text: str) -> torch.device:
    """Parse a device that exists; `auto` prefers a CUDA device."""
    return device(("cuda" if torch.cuda.is_available() else "cpu") if text == "auto" else text)


def parsed(given: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--steps", type=positive, default=8, help="measured steps in a turn")
    parser.add_argument("--device", type=any_device, default="auto", help="auto, cpu or cuda")
    parser.add_argument("--channels", type=positive, help="of every network; by default those of the configs")
    parser.add_argument("--characters", type=positive, default=10, help="of each generated alphabet")
    return parser.parse_args(given)


def benchmark(given: list[str]) -> None:
    """Measure and print."""
    arguments = parsed(given)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        measured = measure(arguments, Path(scratch))
    on_cuda = arguments.device.type == "cuda"
    result = {
        "batch_size": arguments.batch_size,
        "steps": arguments.steps,
        "channels": arguments.channels,
        "device": torch.cuda.get_device_name(arguments.device) if on_cuda else "cpu",
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **measured,
    }
    print(json.dumps(result))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit status; invalid input prints one line to standard error."""
    return run(benchmark, sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
