"""What fuzzy clustering costs, by itself and in a memory that is read through it."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.memory_steps import KEY_SIZES, VALUE_SIZE, Step, reading_and_writing
from benchmarks.throughput import ratio
from benchmarks.timing import Repeated, Setting, medians, take_turns
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy.fuzzy_c_means import fuzzy_c_means
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.memory import Memory
from episodic.tasks.barcodes.codes import distinct_barcodes
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.blocks import seeded

#: Copies of each of ten noisy barcodes, and the share of their bits that is flipped: the points of the clustering.
CODES, COPIES, NOISE = 10, 10, 0.2
FUZZINESS = (2.0, 1.2)


def noisy_barcodes(setting: Setting) -> Tensor:
    """Points `[B, 100, 10]`: barcodes with a fifth of their bits flipped."""
    generator = seeded(0, 0)
    codes = distinct_barcodes(setting.environments, CODES, KEY_SIZES[0], generator).repeat(1, COPIES, 1)
    return flip_bits(codes, NOISE, "random", generator).to(setting.device)


def scikit_fuzzy(points: Tensor, fuzziness: float) -> float:
    """Cluster one environment after the other with scikit-fuzzy -> mean iterations."""
    cmeans = importlib.import_module("skfuzzy.cluster").cmeans
    with np.errstate(all="ignore"):  # it divides by sums that underflow when the fuzziness is small
        iterations = [cmeans(cloud.T, CODES, fuzziness, 1e-4, 100, seed=0)[5] for cloud in points.double().numpy()]
    return float(np.mean(iterations))


def measure_clustering(setting: Setting, fuzziness: float) -> dict[str, Any]:
    """Milliseconds and mean iterations of clustering each environment's points into ten."""
    points = noisy_barcodes(setting)
    on_cpu = points.cpu()
    variants: dict[str, Callable[[], float]] = {
        "batched": Repeated(lambda: fuzzy_c_means(points, CODES, fuzziness), setting)
    }
    iterations: dict[str, float | None] = {
        "batched": round(float(fuzzy_c_means(points, CODES, fuzziness).iterations.float().mean()), 1)
    }
    installed = importlib.util.find_spec("skfuzzy") is not None
    if installed:
        variants["scikit_fuzzy"] = Repeated(lambda: scikit_fuzzy(on_cpu, fuzziness), setting)
        iterations["scikit_fuzzy"] = round(scikit_fuzzy(on_cpu, fuzziness), 1)
    times = take_turns(variants, setting.rounds)
    missing = {"scikit_fuzzy": None}
    return {
        "fuzziness": fuzziness,
        "milliseconds": missing | medians(times, unit=1e3),
        "iterations": missing | iterations,
        "scikit_fuzzy_over_batched": ratio(times, "scikit_fuzzy", "batched") if installed else None,
    }


def measure_fuzzy_memory(setting: Setting) -> dict[str, Any]:
    """Microseconds of a read and a write of noisy barcodes in a full memory of 100 slots: once per episode."""
    slots, key_size = CODES * COPIES, KEY_SIZES[0]
    memories: dict[str, Memory] = {"append": EpisodicMemory(slots, key_size, VALUE_SIZE)}
    for fuzziness in FUZZINESS:
        memories[f"fuzzy_{fuzziness:g}"] = FuzzyMemory(slots, key_size, VALUE_SIZE, clusters=CODES, fuzziness=fuzziness)
    steps = barcode_steps(setting)
    variants: dict[str, Callable[[], float]] = {}
    for name, memory in memories.items():
        memory.to(setting.device).reset(setting.environments)
        for step in steps:
            memory.write(step.key, step.value, step.label)
        variants[name] = Repeated(reading_and_writing(memory, steps), setting)
    times = take_turns(variants, setting.rounds)
    over = {f"{name}_over_append": ratio(times, name, "append") for name in memories if name != "append"}
    return {"slots": slots, "key_size": key_size, "microseconds": medians(times), **over}


def barcode_steps(setting: Setting) -> list[Step]:
    """One step for each point, which is searched for and stored under its code's number."""
    points, batch = noisy_barcodes(setting).unbind(dim=1), setting.environments
    return [
        Step(
            point,
            point,
            torch.randn(batch, VALUE_SIZE, device=setting.device),
            torch.full((batch,), number % CODES, device=setting.device),
        )
        for number, point in enumerate(points)
    ]
