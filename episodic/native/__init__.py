"""Native kernels: the arithmetic of an agent's episodes on a CPU, compiled from one C++ file.

`kernels.cpp` is compiled at first use, in about two seconds, by the C++ compiler of the machine, and cached. Without a
compiler, on a GPU, in double precision, and with `EPISODIC_NATIVE=0` PyTorch computes the same. Code that has two
implementations asks `pick` for one. The last digits of both differ, since sums are added up in another order.
"""

from episodic.native.library import arithmetic, dense, kernels, pick, serves

__all__ = ["arithmetic", "dense", "kernels", "pick", "serves"]
