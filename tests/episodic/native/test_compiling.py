"""Compiling and caching of libraries."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from episodic.native import arithmetic, library, pick
from episodic.native.compiling import CACHE, CompilationError, compiled
from tests.episodic.native.paths import needs_kernels

SOURCE = 'extern "C" int seven() { return 7; }'


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    path = tmp_path / "seven.cpp"
    path.write_text(SOURCE)
    return path


def seven(path: Path) -> int:
    return int(ctypes.CDLL(str(path)).seven())


@needs_kernels
def test_a_library_is_compiled_once(source: Path) -> None:
    path = compiled(source)
    assert seven(path) == 7
    written = path.stat().st_mtime_ns
    assert compiled(source) == path
    assert path.stat().st_mtime_ns == written


@needs_kernels
def test_another_source_is_another_library(source: Path) -> None:
    path = compiled(source)
    source.write_text(SOURCE + "// changed")
    assert compiled(source).stem.split("-")[0] != path.stem.split("-")[0]


@needs_kernels
@pytest.mark.parametrize("damaged", [b"", b"half"])
def test_a_damaged_library_is_compiled_anew(source: Path, damaged: bytes) -> None:
    path = compiled(source)
    path.write_bytes(damaged)
    assert seven(compiled(source)) == 7


@needs_kernels
def test_several_compile_at_once(source: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(compiled, [source] * 4))
    assert {seven(path) for path in paths} == {7}
    assert not list((source.parent / "cache").glob(".*"))  # no half-written file


@needs_kernels
def test_a_cache_that_cannot_be_written_to_is_done_without(source: Path) -> None:
    (source.parent / "cache").write_text("a file, no folder")
    assert seven(compiled(source)) == 7


def test_without_a_compiler_nothing_is_compiled(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(source.parent))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CompilationError, match="no C"):
        compiled(source)


def test_a_compiler_that_fails_says_why(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = source.with_name("c++")
    fails.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    fails.chmod(0o755)
    monkeypatch.setenv("CXX", str(fails))
    with pytest.raises(CompilationError, match="no such luck"):
        compiled(source)


def test_without_a_compiler_pytorch_computes(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(source.parent))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(library, "_loaded", library._loaded.__wrapped__)
    assert arithmetic() == "PyTorch (no C++ compiler)"
    assert pick("native", "PyTorch", torch.zeros(1)) == "PyTorch"


def test_the_switch_turns_the_kernels_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPISODIC_NATIVE", "0")
    assert arithmetic() == "PyTorch (EPISODIC_NATIVE=0)"
    assert pick("native", "PyTorch", torch.zeros(1)) == "PyTorch"
