"""Measure the cost of the memories: against Python lists, against the bare search, and in training.

    python benchmarks/memory.py [--environments 64] [--threads 1] [--rounds 5] [--slots 100 1000 10000 100000]
        [--device cpu] [--blocks 2] [--exposures 10] [--seconds 0.1]

Prints one JSON object:

- `read_and_write`: microseconds of one step, a read and a write in each environment, with all slots full;
  `append` is `EpisodicMemory`, `stack` is `StackMemory`.
- `training`: the share of a training step that is spent inside the memory.
- `fuzzy_c_means`: milliseconds and mean iterations of one clustering, against scikit-fuzzy where that is installed.
- `fuzzy_memory`: microseconds of a read and a write, against `EpisodicMemory`.

The variants take turns, so that changes in the machine's speed affect all of them. Numbers are medians over the rounds,
ratios are medians of the ratios within a round.
"""

import argparse
import json
import platform
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import device, positive
from benchmarks.memory_clustering import FUZZINESS, measure_clustering, measure_fuzzy_memory
from benchmarks.memory_steps import measure_sizes
from benchmarks.memory_training import measure_training
from benchmarks.timing import Setting
from launcher.main import quieten


def parsed() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--environments", type=positive, default=64)
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--slots", type=positive, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--device", type=device, default="cpu")
    parser.add_argument("--blocks", type=positive, default=2, help="blocks of training in a round")
    parser.add_argument("--exposures", type=positive, default=10, help="of each context in a block of training")
    parser.add_argument("--seconds", type=float, default=0.1, help="minimal time of a variant in a round")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    quieten()
    setting = Setting(arguments.environments, arguments.device, arguments.rounds, arguments.seconds)
    on_cuda = setting.device.type == "cuda"
    result = {
        "environments": setting.environments,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name(setting.device) if on_cuda else "cpu",
        "read_and_write": measure_sizes(setting, arguments.slots),
        "training": measure_training(setting, arguments.blocks, arguments.exposures),
        "fuzzy_c_means": [measure_clustering(setting, fuzziness) for fuzziness in FUZZINESS],
        "fuzzy_memory": measure_fuzzy_memory(setting),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
