"""The only place that speaks to the EPA SWMM 5 engine.

The engine keeps global state: one `Engine` lives at a time in a process. Heads and inflows cross as whole arrays: a small
compiled loop calls the library's C functions, because one Python call per node and step costs more than the hydraulics.
"""

from __future__ import annotations

import ctypes
import re
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import numba
import numpy as np
import swmm.toolkit
from numpy.typing import NDArray
from swmm.toolkit import shared_enum, solver

from twin.errors import NumericsError, SourceError
from twin.inp import FLOW_M3_S, LENGTH_M, options, read_sections, write_sections

#: Sections that make or colour runoff, or only draw: left out when rain falls on the grid.
DROPPED = frozenset(
    [
        "RAINGAGES",
        "SUBCATCHMENTS",
        "SUBAREAS",
        "INFILTRATION",
        "LID_CONTROLS",
        "LID_USAGE",
        "AQUIFERS",
        "GROUNDWATER",
        "GWF",
        "SNOWPACKS",
        "TEMPERATURE",
        "EVAPORATION",
        "ADJUSTMENTS",
        "POLLUTANTS",
        "LANDUSES",
        "COVERAGES",
        "LOADINGS",
        "BUILDUP",
        "WASHOFF",
        "TREATMENT",
        "HYDROGRAPHS",
        "RDII",
        "FILES",
        "REPORT",
        "EVENTS",
        "MAP",
        "COORDINATES",
        "VERTICES",
        "POLYGONS",
        "SYMBOLS",
        "LABELS",
        "BACKDROP",
        "PROFILES",
        "TAGS",
    ]
)

_LIBRARY = ctypes.CDLL(str(next(Path(swmm.toolkit.__file__).parent.glob("*swmm5.*"))))
_get_node_result = _LIBRARY.swmm_getNodeResult
_get_node_result.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
_get_node_result.restype = ctypes.c_int
_set_node_inflow = _LIBRARY.swmm_setNodeInflow
_set_node_inflow.argtypes = [ctypes.c_int, ctypes.c_double]
_set_node_inflow.restype = ctypes.c_int


@numba.njit  # not cached: numba cannot store a function that holds a library's address
def _read_nodes(values_out, index, what):  # type: ignore[no-untyped-def]
    for k in range(index.size):
        status = _get_node_result(index[k], what, values_out[k:].ctypes.data)
        if status != 0:
            return status
    return 0


@numba.njit
def _write_inflows(index, flow):  # type: ignore[no-untyped-def]
    for k in range(index.size):
        status = _set_node_inflow(index[k], flow[k])
        if status != 0:
            return status
    return 0


def prepare(inp: str, start: datetime, duration_s: float, exchange_s: float, pond_area_m2: dict[str, float]) -> str:
    """Return the input text for a coupled run: our clock, no runoff of its own, ponding at the coupled junctions.

    `start` is the city's local time; `pond_area_m2` gives the ponded area of each junction that exchanges water.
    """
    sections = {name: rows for name, rows in read_sections(inp).items() if name not in DROPPED}
    unit = LENGTH_M[options(sections).get("FLOW_UNITS", "CFS").upper()]
    routing = min(exchange_s, _seconds(options(sections).get("ROUTING_STEP", "5")))
    end = start + timedelta(seconds=duration_s + 3600.0)
    clock = {
        f"{edge}_{part}": when.strftime(form)
        for edge, when in (("START", start), ("REPORT_START", start), ("END", end))
        for part, form in (("DATE", "%m/%d/%Y"), ("TIME", "%H:%M:%S"))
    }
    ours = clock | {
        "ALLOW_PONDING": "YES",
        "SKIP_STEADY_STATE": "NO",
        "ROUTING_STEP": f"{routing:g}",
        "REPORT_STEP": "01:00:00",
        "WET_STEP": "00:05:00",
        "DRY_STEP": "01:00:00",
        "IGNORE_RAINFALL": "YES",
        "THREADS": "1",
    }
    kept = [
        row
        for row in sections.get("OPTIONS", [])
        if row[0].upper() not in ours and row[0].upper() not in ("INFILTRATION", "TEMPDIR")
    ]
    sections["OPTIONS"] = kept + [[key, value] for key, value in ours.items()]
    for row in sections.get("JUNCTIONS", []):
        if row[0] in pond_area_m2:
            row.extend("0" for _ in range(6 - len(row)))
            row[5] = f"{pond_area_m2[row[0]] / unit**2:.6g}"
    return write_sections({"TITLE": [], **{n: r for n, r in sections.items() if n != "TITLE"}})


def _seconds(text: str) -> float:
    parts = [float(p) for p in text.split(":")]
    return parts[0] if len(parts) == 1 else sum(p * f for p, f in zip(parts, (3600.0, 60.0, 1.0), strict=False))


class Engine:
    """One run of the engine on a prepared input; use as a context manager.

    Arrays are in SI and in the order of `nodes`. Raises SourceError with the engine's own words when it refuses the
    input, NumericsError when it fails on the way.
    """

    _running = False

    def __init__(self, inp: str, nodes: list[str]) -> None:
        if Engine._running:
            raise NumericsError("swmm_busy")
        unit = options(read_sections(inp)).get("FLOW_UNITS", "CFS").upper()
        self.flow_unit, self.length_unit = FLOW_M3_S[unit], LENGTH_M[unit]
        self._folder = tempfile.TemporaryDirectory(prefix="anlan-swmm-")
        self._report = Path(self._folder.name) / "model.rpt"
        self._input = Path(self._folder.name) / "model.inp"
        self._input.write_text(inp, encoding="utf-8")
        self._names = nodes
        self.totals: dict[str, float] = {}

    def __enter__(self) -> Engine:
        Engine._running = True
        try:
            self._call(solver.swmm_open, str(self._input), str(self._report), str(self._report.with_suffix(".out")))
            self.index = np.array(
                [solver.project_get_index(shared_enum.ObjectType.NODE, n) for n in self._names],
                dtype=np.int32,
            )
            self._call(solver.swmm_start, 0)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        for close in (solver.swmm_end, solver.swmm_close):
            try:
                close()
            except Exception:
                continue
        Engine._running = False
        self._folder.cleanup()

    def heads(self) -> NDArray[np.float64]:
        """Return the water level at each node, m."""
        values = np.zeros(len(self.index))
        self._check(_read_nodes(values, self.index, shared_enum.NodeResult.HEAD.value))
        return values * self.length_unit

    def set_inflows(self, flow_m3_s: NDArray[np.float64]) -> None:
        """Set the lateral inflow of each node (m3/s, negative takes water out) until it is set again."""
        self._check(_write_inflows(self.index, flow_m3_s / self.flow_unit))

    def set_outfall_stages(self, outfalls: list[str], stage_m: float) -> None:
        """Hold the water level at outfalls, m."""
        for name in outfalls:
            self._call(
                solver.outfall_set_stage,
                solver.project_get_index(shared_enum.ObjectType.NODE, name),
                stage_m / self.length_unit,
            )

    def advance(self, seconds: float) -> None:
        """Route `seconds` of flow; the engine lands exactly on the end."""
        self._call(solver.swmm_stride, round(seconds))

    def finish(self) -> dict[str, float]:
        """End the run and return its own account: volumes in m3 and the flow-routing continuity error (share, not %)."""
        totals = self._call(solver.system_get_routing_totals)
        volume = self.length_unit**3
        cubic_foot = 0.3048**3  # the engine gives its storage totals in ft3 whatever the units of the input
        account = {
            "inflow_m3": (totals.exInflow + totals.dwInflow + totals.gwInflow + totals.iiInflow + totals.wwInflow)
            * volume,
            "outflow_m3": totals.outflow * volume,
            "flooding_m3": totals.flooding * volume,
            "initial_storage_m3": totals.initStorage * cubic_foot,
            "final_storage_m3": totals.finalStorage * cubic_foot,
        }
        self._call(solver.swmm_end)
        account["continuity_error"] = float(self._call(solver.swmm_get_mass_balance)[1]) / 100.0
        return account

    def _check(self, status: int) -> None:
        if status != 0:
            raise NumericsError("swmm_failed", found=f"code {status}")

    def _call(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            said = self._report.read_text("utf-8", errors="replace") if self._report.exists() else ""
            lines = [re.sub(r"\s+", " ", line).strip() for line in said.splitlines() if "ERROR" in line]
            raise SourceError("swmm_refused", found="; ".join(lines[:5]) or str(error).strip()) from error
