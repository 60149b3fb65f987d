"""Checks of what `simulate_arrays` is given: every mistake is one ScenarioError that says what, where, found and expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hydro.schemes.boundaries import KINDS, SIDES, Boundary, Inflow
from twin.errors import ScenarioError

Array = NDArray[np.float64]
Row = TypeVar("Row", Inflow, Boundary)

#: The lowest dry land on Earth, the shore of the Dead Sea, m.
LOWEST_LAND_M = -430.0

#: A value below all land is a mark for "no data" (-9999, -32768, -3.4e38) where no other value stands within this much (m)
#: above it: a sea floor goes down cell by cell, a mark stands alone, however many cells bear it.
NO_DATA_BELOW_M = 1000.0


def check_options(
    *, cell_m: float, duration_s: float, every_s: float, courant: float | None, factor: int, threads: int | None,
    scheme: str, dtype: str, courant_most: Mapping[str, float],
) -> None:  # fmt: skip
    """Raise ScenarioError for unknown names and numbers out of range; `courant_most` has a bound for each scheme."""
    names = (("scheme", scheme, tuple(courant_most)), ("dtype", dtype, ("float32", "float64")))
    for name, choice, known in names:
        if choice not in known:
            raise ScenarioError("array_choice", name=name, found=choice, expected=known)
    cores, most = int(numba.config.NUMBA_NUM_THREADS), courant_most[scheme]  # type: ignore[attr-defined]
    ranges: tuple[tuple[str, object, float, float, bool, str], ...] = (
        ("cell_m", cell_m, 0.0, np.inf, False, "> 0"),
        ("duration_s", duration_s, 0.0, np.inf, False, "> 0"),
        ("every_s", every_s, 0.0, np.inf, False, "> 0"),
        ("courant", most if courant is None else courant, 0.0, np.nextafter(most, 1.0), False, f"> 0, <= {most}"),
        ("factor", factor, 1, np.inf, True, "2, 3, 4 ..."),
        ("threads", cores if threads is None else threads, 0, cores + 1, True, f"1 ... {cores}"),
    )
    for name, found, above, below, whole, expected in ranges:
        number = isinstance(found, (int, np.integer) if whole else (int, float, np.number)) and above < found < below
        if not number:
            raise ScenarioError("array_number", name=name, found=found, expected=expected)


def check_ground(
    terrain: ArrayLike, roughness: ArrayLike, depth: ArrayLike | None
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return bed, roughness and depth (ny, nx), float64; raise ScenarioError for what is none of these."""
    z = _numbers("terrain", terrain)
    if z.ndim != 2 or not z.size:
        raise ScenarioError("array_shape", name="terrain", found=str(z.shape), expected="(ny, nx)")
    if (gaps := ~np.isfinite(z)).any():
        raise ScenarioError("array_gap", **_first(gaps, z))
    n, h = (
        _on(z.shape, name, _numbers(name, given))
        for name, given in (("roughness", roughness), ("depth", 0.0 if depth is None else depth))
    )
    _check_marks(z)
    for name, values, good, expected in (("roughness", n, n > 0, "> 0"), ("depth", h, h >= 0, ">= 0")):
        if (bad := ~(good & np.isfinite(values))).any():
            raise ScenarioError("array_value", name=name, expected=expected, **_first(bad, values))
    return z, n, h


def check_rain(rain_m_s: ArrayLike, rain_s: ArrayLike, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Return rain (times,) or (times, ny, nx), m/s, and its times (s), float64."""
    rain = np.atleast_1d(_numbers("rain_m_s", rain_m_s))
    if rain.ndim == 3:
        _on(shape, "rain_m_s", rain[0] if len(rain) else np.zeros(shape))
    elif rain.ndim != 1:
        raise ScenarioError("array_shape", name="rain_m_s", found=str(rain.shape), expected=f"(times, *{shape})")
    return rain, _series("rain_m_s", rain_s, rain, 0.0)


def check_water(
    shape: tuple[int, int], inflows: list[Inflow], boundaries: list[Boundary], probes: Sequence[tuple[int, int]]
) -> None:
    """Raise ScenarioError for wrong series, cells off the grid and unknown boundaries."""
    for name, cells in (("inflows", [(i.row, i.col) for i in inflows]), ("probes", list(probes))):
        for k, cell in enumerate(cells):
            whole = np.shape(cell) == (2,) and all(isinstance(v, (int, np.integer)) for v in cell)
            if not whole or not all(0 <= v < size for v, size in zip(cell, shape, strict=True)):
                raise ScenarioError("array_cell", name=f"{name}[{k}]", found=str(cell), expected=str(shape))
    for k, inflow in enumerate(inflows):
        _series(f"inflows[{k}]", inflow.times_s, _numbers(f"inflows[{k}]", inflow.m3_s), 0.0)
    for k, b in enumerate(boundaries):
        if b.side not in SIDES or b.kind not in KINDS:
            raise ScenarioError("array_boundary", found=(b.side, b.kind), expected=(SIDES, KINDS))
        if b.side in [other.side for other in boundaries[:k]]:
            raise ScenarioError("array_side_twice", side=b.side)
        least = 0.0 if b.kind == "flow" else -np.inf
        _series(f"boundaries[{k}]", b.times_s, _numbers(f"boundaries[{k}]", b.values), least)


def named(name: str, rows: Sequence[Row | Sequence[object] | Mapping[str, object]], kind: type[Row]) -> list[Row]:
    """Return plain tuples and dictionaries as `kind`."""
    make: Callable[..., Row] = kind
    made = []
    for k, row in enumerate(rows):
        try:
            made.append(make(**row) if isinstance(row, Mapping) else make(*row))
        except TypeError as error:
            expected = f"({', '.join(kind._fields)})"
            raise ScenarioError(
                "array_shape", name=f"{name}[{k}]", found=str(row).strip("{}"), expected=expected
            ) from error
    return made


def _check_marks(z: Array) -> None:
    """Raise ScenarioError where a bed holds marks for "no data"; a bed of one level below all land is nothing but marks."""
    if z.min() >= LOWEST_LAND_M:
        return
    values = np.unique(z)
    if len(values) == 1:
        raise ScenarioError("array_all_no_data", found=float(values[0]))
    alone = np.flatnonzero((values[:-1] < LOWEST_LAND_M) & (np.diff(values) > NO_DATA_BELOW_M))
    if len(alone):
        raise ScenarioError("array_no_data", **_first(z <= values[alone[-1]], z), next=float(values[alone[-1] + 1]))


def _numbers(name: str, values: object) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScenarioError("array_no_numbers", name=name, found=type(values).__name__) from error


def _on(shape: tuple[int, int], name: str, values: Array) -> Array:
    """Return one number for all or one for each cell as a raster."""
    if values.ndim not in (0, 2) or any(a not in (1, b) for a, b in zip(values.shape, shape, strict=False)):
        raise ScenarioError("array_shape", name=name, found=str(values.shape), expected=str(shape))
    return np.broadcast_to(values, shape)


def _series(name: str, times_s: object, values: Array, least: float) -> Array:
    """Return the times of a series whose values are finite and at least `least`."""
    times = _numbers(name, times_s)
    if times.ndim != 1 or not values.ndim:
        raise ScenarioError("array_shape", name=f"{name}: times_s", found=str(times.shape), expected="(times,)")
    if len(times) != len(values) or not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise ScenarioError("array_series", name=name, times=len(times), values=len(values))
    bad = ~(np.isfinite(values) & (values >= least))
    if bad.any():
        raise ScenarioError("array_negative", name=name, found=float(values[bad][0]))
    return times


def _first(bad: NDArray[np.bool_], values: Array) -> dict[str, float]:
    """Return how many cells are bad, and row, column and value of the first."""
    row, col = (int(k) for k in np.argwhere(bad)[0])
    return {"count": int(bad.sum()), "row": row, "col": col, "found": float(values[row, col])}
