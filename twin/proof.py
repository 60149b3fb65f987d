"""A verification case: an id, what is measured, the bound it must keep and where that bound comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
from numpy.typing import NDArray

from twin.city import City
from twin.jit import most_threads


class Skip(Exception):  # noqa: N818 - a reason, not an error
    """Raised by a case that cannot run here; its text is the reason."""


def one_and_many() -> tuple[int, int]:
    """Return the counts of threads whose answers are compared: one and all; raise Skip for a process that has one only."""
    if most_threads() < 2:
        raise Skip("this process has one thread only")
    return 1, most_threads()


class RasterValues(Protocol):
    """A raster as read: `values` (row, column) and `transform`, which maps (column, row) to (x, y)."""

    @property
    def values(self) -> NDArray[Any]:
        """Return the values, NaN where there are none."""
        ...

    @property
    def transform(self) -> Any:
        """Return the affine map."""
        ...


@dataclass(frozen=True)
class Reference:
    """The folder of published data, if there is one, and the ways to read a raster or roads in it and to open a city by its name.

    Models open no formats, so both are handed in.
    """

    root: Path | None
    read: Callable[[Path], RasterValues]
    city: Callable[[str], City]
    roads: Callable[[Path, str], gpd.GeoDataFrame]

    def folder(self, name: str) -> Path:
        """Return one data set's folder; raise Skip where it is not at hand."""
        if self.root is None or not (self.root / name).is_dir():
            raise Skip(f"ANLAN_REFERENCE names no folder with {name}: published data not at hand")
        return self.root / name

    def raster(self, name: str) -> RasterValues:
        """Return a raster by its path below the folder; raise Skip where it is not at hand."""
        path = Path(name)
        return self.read(self.folder(str(path.parent)) / path.name)


@dataclass(frozen=True)
class Proof:
    """One row: one measured figure of a case.

    `run(reference)` returns the measured value, or several by name, of which this row takes `figure`: rows of one case
    share one run when `run` is cached. `op` is one of "<=", ">=", "within" (bound is then a pair); a bound of None means
    that the value is only reported, and `reason` says why. `source` says what the value is held against, `bound_from` where
    the bound itself comes from. `data` names the published data the case reads, "" for none.
    """

    id: str
    metric: str
    unit: str
    op: str
    bound: Any
    source: str
    run: Callable[[Reference], float | Mapping[str, float]]
    figure: str = ""
    data: str = ""
    reason: str | None = None
    bound_from: str | None = None

    def result(self, reference: Reference) -> dict[str, Any]:
        """Run the case and return its row of `anlan verify --json`."""
        row = {
            "id": self.id,
            "metric": self.metric,
            "value": None,
            "unit": self.unit,
            "op": self.op,
            "bound": self.bound,
        }
        row |= {"source": self.source, "bound_from": self.bound_from, "status": "skipped", "reason": self.reason}
        try:
            found = self.run(reference)
        except Skip as skip:
            return row | {"reason": str(skip)}
        row["value"] = value = float(found[self.figure] if isinstance(found, Mapping) else found)
        if self.bound is None:
            return row | {"status": "reported"}
        kept = {"<=": lambda: value <= self.bound, ">=": lambda: value >= self.bound}.get(
            self.op, lambda: self.bound[0] <= value <= self.bound[1]
        )()
        return row | {"status": "pass" if kept else "fail"}
