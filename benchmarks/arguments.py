"""Arguments that the benchmarks share."""

import argparse

import torch


def positive(text: str) -> int:
    """Parse a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number from 1 up")
    return int(text)


def device(text: str) -> torch.device:
    """Parse the name of a device of this machine."""
    if text not in (("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)):
        raise argparse.ArgumentTypeError(f"{text} is not available: it must be cpu, or cuda on a machine with CUDA")
    return torch.device(text)
