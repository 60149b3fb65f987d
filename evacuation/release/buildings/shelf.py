"""Winds around buildings that were worked out before, kept on disk: the same question to the same program is not asked twice."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evacuation.release.buildings.wind import Box, Inflow, Wind
from twin.jit import kernel_fingerprint

Array = NDArray[np.float64]

#: Winds that are kept at most, the ones asked for last: about 10 MB each.
MOST = 64
#: The arrays of a wind; a file begins with the hash of the rest, of so many bytes.
PARTS, DIGEST = ("u", "v", "w", "air", "roof", "ustar"), 32


@dataclass(frozen=True)
class Shelf:
    """`around` for `Sectors`, which looks on disk first.

    A wind is known by the roofs, the box, the inflow in its layers, the direction, `asked` (what else `around` was told) and the sources
    of this room's wind. A file is written whole or not at all; one that cannot be read is worked out again and counted in `spoilt`.
    The folder is $ANLAN_WIND_CACHE, else ~/.cache/anlan/winds; where it cannot be written nothing is kept.
    """

    around: Callable[[Array, Box, Inflow, float], Wind]
    asked: str
    spoilt: list[str] = field(default_factory=list)

    def __call__(self, roof: Array, box: Box, inflow: Inflow, from_deg: float) -> Wind:
        """Return the wind of one direction."""
        path = folder() / f"{self._key(roof, box, inflow, from_deg)}.wind"
        try:
            return _read(path, box)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError):
            self.spoilt.append(path.name)
        wind = self.around(roof, box, inflow, from_deg)
        _write(path, wind)
        return wind

    def _key(self, roof: Array, box: Box, inflow: Inflow, from_deg: float) -> str:
        digest = hashlib.sha256(
            f"{_sources()} {self.asked} {box.west!r} {box.south!r} {box.cell_m!r} {from_deg!r}".encode()
        )
        for part in (roof, box.edges, np.asarray(inflow(box.z), dtype=np.float64)):
            digest.update(f"{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:32]


def folder() -> Path:
    """Return the folder of kept winds."""
    return Path(os.environ.get("ANLAN_WIND_CACHE") or Path.home() / ".cache" / "anlan" / "winds")


@cache
def _sources() -> str:
    """Return a hash of all that a wind is worked out with."""
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{np.__version__} {kernel_fingerprint(here.parent / 'kernels')}".encode())
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(path: Path, box: Box) -> Wind:
    """Return a kept wind; raise ValueError where the file is not as it was written."""
    whole = path.read_bytes()
    said, told = whole[:DIGEST], whole[DIGEST:]
    if hashlib.sha256(told).digest() != said:
        raise ValueError(path.name)
    with np.load(io.BytesIO(told), allow_pickle=False) as kept:
        parts = {name: kept[name] for name in PARTS if name in kept.files}
        notes = tuple(zip(kept["codes"].tolist(), kept["values"].tolist(), strict=True))
        wind = Wind(box=box, rounds=int(kept["rounds"]), leak=float(kept["leak"]), notes=notes, **parts)
    with suppress(OSError):
        os.utime(path)
    return wind


def _write(path: Path, wind: Wind) -> None:
    """Keep a wind, and the `MOST` that were asked for last; nothing where the folder cannot be written."""
    parts = {name: getattr(wind, name) for name in PARTS if getattr(wind, name) is not None}
    codes, values = np.array([code for code, _ in wind.notes], "<U20"), np.array([value for _, value in wind.notes])
    told = io.BytesIO()
    np.savez_compressed(told, rounds=wind.rounds, leak=wind.leak, codes=codes, values=values, **parts)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as begun:
            file = Path(begun) / path.name
            file.write_bytes(hashlib.sha256(told.getvalue()).digest() + told.getvalue())
            file.replace(path)
        kept = sorted(path.parent.glob("*.wind"), key=lambda other: other.stat().st_mtime)
        for old in kept[:-MOST]:
            old.unlink(missing_ok=True)
