"""Compiles a C++ file into a shared library, once for each source, compiler and processor."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from episodic.errors import InputError
from episodic.files import replacing

#: Names the folder of compiled libraries, instead of one in the user's cache folder.
CACHE = "EPISODIC_NATIVE_CACHE"
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
#: The first set that the compiler takes; together with the hash of the processor these make a library fit a machine.
TARGETS: tuple[tuple[str, ...], ...] = (("-march=native",), ("-mcpu=native",), ())
#: Seconds that a compiler may take.
PATIENCE = 120


class CompilationError(RuntimeError):
    """Nothing could be compiled; says why in a few words."""


def compiled(source: Path) -> Path:
    """Return the library of a source file and the headers beside it: the cached one if it is whole, else a new one.

    The library's name holds a hash of its content, so a damaged file is noticed and recompiled. Processes
    that compile at the same time put equal files in the same place. Where the cache cannot be written to, the
    library goes to a temporary folder.

    Raises:
        CompilationError: there is no compiler, or it fails.
    """
    compiler = _compiler()
    headers = sorted(source.parent.glob("*.hpp"))
    texts = (_version(compiler), _processor(), " ".join(FLAGS))
    identity = _hash(*(path.read_bytes() for path in (source, *headers)), *(text.encode() for text in texts))
    folder = Path(os.environ.get(CACHE) or _user_cache())
    cached = (path for path in sorted(folder.glob(f"{identity}-*.so")) if _is_whole(path, identity))
    return next(cached, None) or _compile(source, compiler, folder, identity)


def _user_cache() -> Path:
    import platformdirs  # here, so that a memory or a network needs only torch until it computes

    return platformdirs.user_cache_path("episodic-memory-lab") / "native"


def _is_whole(path: Path, identity: str) -> bool:
    """Whether a library has the content that its name says."""
    try:
        return path.stem == f"{identity}-{_hash(path.read_bytes())}"
    except OSError:
        return False


def _compile(source: Path, compiler: str, folder: Path, identity: str) -> Path:
    with tempfile.TemporaryDirectory(prefix="episodic-native-") as scratch:
        made = Path(scratch) / "library.so"
        for target in TARGETS:
            result = _run(compiler, *FLAGS, *target, str(source), "-o", str(made))
            if result.returncode == 0:
                break
        else:
            raise CompilationError(f"{compiler} fails: {(result.stderr.splitlines() or ['no message'])[0]}")
        content = made.read_bytes()
    name = f"{identity}-{_hash(content)}.so"
    try:
        return _written(folder / name, content)
    except InputError:
        return _written(Path(tempfile.mkdtemp(prefix="episodic-native-")) / name, content)


def _written(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _compiler() -> str:
    """The C++ compiler: what the environment variable CXX names, else the first on the path."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and (path := shutil.which(name)):
            return path
    raise CompilationError("no C++ compiler")


def _version(compiler: str) -> str:
    return _run(compiler, "--version").stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilationError(f"{command[0]} does not run: {error}") from error


def _processor() -> str:
    """The processor, with what it can do where Linux tells it."""
    names = ("model name", "flags", "Features", "CPU part")
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    told = [line for line in lines if line.startswith(names)]
    return "\n".join([platform.machine(), platform.processor(), *told])


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:24]
