"""The one kernel decorator: numba with a cache that notices every edit.

numba's own cache looks only at the file of the function it compiles; an edit in an imported kernel is missed. Kernels
import only kernels of their own `kernels` folder, so each such folder has a cache of its own, keyed by the text of all its
files and of this one, numba's version and the processor: an edit in one room compiles nothing in another.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import event

#: Threads that wait by spinning make a step twelve times slower as soon as another program wants a core. Read by OpenMP
#: when it is loaded, so it is set here, before any kernel is compiled.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

#: A short spin before they sleep (some 20 us) spares a surface step the 50 us that waking a sleeping thread costs.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

#: A face reads a dozen rows; LLVM gives up vectorising when it must check more than 8 pairs of them for overlap.
llvm.set_option("", "-runtime-memory-check-threshold=64")

#: Where rows of one array are read and written in turn, LLVM would check whole blocks of rows for overlap instead, find that
#: they do overlap, and run the loop number by number.
llvm.set_option("", "-hoist-runtime-checks=false")


def start_threads() -> int:
    """Start numba's thread pool and return how many threads it has.

    A kernel that is loaded from the cache and calls parallel kernels does not start the pool itself: without this, its
    first call ends the process.
    """
    return numba.get_num_threads()


def use_threads(count: int) -> None:
    """Let parallel kernels of this process run on `count` threads."""
    numba.set_num_threads(count)


@contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """Let parallel kernels run on `count` threads within the block (None: as before); raises ValueError for more than there are."""
    before = start_threads()
    numba.set_num_threads(count or before)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def most_threads() -> int:
    """Return how many threads this process may use."""
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


@cache
def kernel_fingerprint(kernels: Path) -> str:
    """Return a hash of all sources in the folder `kernels`, of this file, numba's version and the processor."""
    digest = hashlib.sha256(f"{numba.__version__} {llvm.get_host_cpu_name()}".encode())
    for path in (Path(__file__), *sorted(kernels.rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _cache_folder(kernels: Path) -> Path | None:
    """Return the folder for compiled kernels of the folder `kernels`, or None where nothing can be written."""
    base = Path(os.environ.get("ANLAN_KERNEL_CACHE") or Path.home() / ".cache" / "anlan" / "kernels")
    for root in (base, Path(tempfile.gettempdir()) / "anlan-kernels"):
        folder = root / f"{kernels.parent.name}-{kernel_fingerprint(kernels)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".write-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        return folder
    return None


def _kernels_of(function: Callable[..., Any]) -> Path | None:
    """Return the folder `kernels` of the package that a function belongs to, None for a function outside such folders."""
    if "kernels" not in function.__module__.split("."):
        return None
    return next(folder for folder in Path(function.__code__.co_filename).parents if folder.name == "kernels")


class Compiling(event.Listener):
    """How long kernels were compiled, `seconds`; one that is found in the cache is not compiled."""

    def __init__(self, told: Callable[[], None] | None = None) -> None:
        self.seconds, self._told, self._nested, self._began = 0.0, told, 0, 0.0

    def on_start(self, event: event.Event) -> None:
        """Note the start of a compilation; those of the kernels it calls lie within it."""
        if self._nested == 0:
            self._began = time.perf_counter()
        self._nested += 1
        if self._told is not None and ".kernels." in event.data["dispatcher"].py_func.__module__:
            self._told()
            self._told = None

    def on_end(self, event: event.Event) -> None:
        """Note the end of a compilation."""
        self._nested -= 1
        if self._nested == 0:
            self.seconds += time.perf_counter() - self._began


@contextmanager
def compiling(told: Callable[[], None] | None = None) -> Iterator[Compiling]:
    """Yield the account of what is compiled within the block; `told` is called once, when the first kernel's begins.

    Nothing is told of a loop outside the `kernels` folders: such a loop is small, and compiled in every process.
    """
    with event.install_listener("numba:compile", Compiling(told)) as account:
        yield account


def kernel(
    function: Callable[..., Any] | None = None, *, parallel: bool = False, inline: bool = False, bare: bool = False
) -> Any:
    """Compile a function over arrays; use as `@kernel` or `@kernel(parallel=True)`.

    `error_model="numpy"`: the zero-division test of the default would stop vectorisation. "contract" lets a product and a
    sum become one fused operation; nothing is reordered, so results stay the same from call to call. A function outside a
    `kernels` folder is compiled in every process: nothing says which texts it depends on.

    `bare` kernels count no references to their arrays, so they may not make any. Where small kernels call one another for
    every event, counting takes half of the time.
    """

    def wrap(f: Callable[..., Any]) -> Any:
        kernels = _kernels_of(f)
        folder = _cache_folder(kernels) if kernels is not None else None
        if folder is not None:
            numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        how: dict[str, Any] = {"inline": "always"} if inline else {}
        if bare:
            how["_nrt"] = (
                False  # numba's own name for it; a kernel that makes an array is then refused when it is compiled
            )
        return numba.njit(
            cache=folder is not None, error_model="numpy", fastmath={"contract"}, parallel=parallel, **how
        )(f)

    return wrap(function) if function is not None else wrap
