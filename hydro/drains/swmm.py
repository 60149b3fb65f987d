"""The only place that speaks to the EPA SWMM 5 engine.

The engine keeps global state: one `Engine` lives at a time in a process. Heads and inflows cross as whole arrays: a small
compiled loop calls the library's C functions, because one Python call per node and step costs more than the hydraulics.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numba
import numpy as np
import swmm.toolkit
from numpy.typing import NDArray
from swmm.toolkit import shared_enum, solver

from twin.errors import NumericsError, SourceError
from twin.inp import FLOW_M3_S, LENGTH_M, options, read_sections
from twin.lease import scratch

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


class Engine:
    """One run of the engine on a prepared input; use as a context manager.

    Arrays are in SI and in the order of `nodes`; `hotstart` is a file of `save_hotstart`. Raises SourceError with the
    engine's own words when it refuses the input, NumericsError when it fails on the way.
    """

    _running = False

    def __init__(self, inp: str, nodes: Sequence[str], hotstart: Path | None = None) -> None:
        if Engine._running:
            raise NumericsError("swmm_busy")
        unit = options(read_sections(inp)).get("FLOW_UNITS", "CFS").upper()
        self.flow_unit, self.length_unit = FLOW_M3_S[unit], LENGTH_M[unit]
        self._files = ExitStack()
        folder = self._files.enter_context(scratch("anlan-swmm-"))
        self._report, self._input = folder / "model.rpt", folder / "model.inp"
        self._input.write_text(inp, encoding="utf-8")
        self._names, self._hotstart, self._closed = list(nodes), hotstart, False

    def __enter__(self) -> Engine:
        Engine._running = True
        try:
            self._call(solver.swmm_open, str(self._input), str(self._report), str(self._report.with_suffix(".out")))
            self.index = np.array(
                [solver.project_get_index(shared_enum.ObjectType.NODE, n) for n in self._names],
                dtype=np.int32,
            )
            if self._hotstart is not None:
                self._call(solver.swmm_hotstart, shared_enum.HotstartFile.USE, str(self._hotstart))
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
        self._close()
        Engine._running = False
        self._files.close()

    def _close(self) -> None:
        """Close the engine, once: it closes its files again at every call."""
        if not self._closed:
            self._closed = True
            for close in (solver.swmm_end, solver.swmm_close):
                with suppress(Exception):
                    close()

    def heads(self) -> NDArray[np.float64]:
        """Return the water level at each node, m."""
        return self._results(shared_enum.NodeResult.HEAD) * self.length_unit

    def inflows(self) -> NDArray[np.float64]:
        """Return all that flows into each node now, m3/s; at an outfall this is its discharge."""
        return self._results(shared_enum.NodeResult.TOTAL_INFLOW) * self.flow_unit

    def flooded(self, nodes: Sequence[str]) -> NDArray[np.float64]:
        """Return what has overflowed at each node so far and was neither ponded nor kept, m3."""
        index = [solver.project_get_index(shared_enum.ObjectType.NODE, name) for name in nodes]
        return np.array([self._call(solver.node_get_stats, k).volFlooded for k in index]) * self.length_unit**3

    def _results(self, what: shared_enum.NodeResult) -> NDArray[np.float64]:
        values = np.zeros(len(self.index))
        self._check(_read_nodes(values, self.index, what.value))
        return values

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
        """Route `seconds` of flow; the last step is cut so that the engine stops exactly there."""
        self._call(solver.swmm_stride, round(seconds))

    def setting(self, link: str) -> float:
        """Return the present setting of a pump, orifice, weir or outlet (0 = off or closed)."""
        index = solver.project_get_index(shared_enum.ObjectType.LINK, link)
        return float(self._call(solver.link_get_result, index, shared_enum.LinkResult.SETTING))

    def pump_starts(self, pumps: Sequence[str]) -> dict[str, int]:
        """Return how often each pump has started so far."""
        index = {name: solver.project_get_index(shared_enum.ObjectType.LINK, name) for name in pumps}
        return {name: int(self._call(solver.pump_get_stats, k).startUps) for name, k in index.items()}

    def runoff(self) -> dict[str, float]:
        """Return the engine's own runoff so far, for a model that keeps its subcatchments: depths over them, mm."""
        totals = self._call(solver.system_get_runoff_totals)
        inch = 25.4 if self.length_unit != 1.0 else 1.0
        return {
            "rainfall_mm": totals.rainfall * inch,
            "infiltration_mm": totals.infil * inch,
            "runoff_mm": totals.runoff * inch,
            "runoff_error": totals.pctError / 100.0,
        }

    def save_hotstart(self, path: Path) -> None:
        """Write the engine's own restart file; it keeps depths and flows in single precision."""
        self._call(solver.swmm_hotstart, shared_enum.HotstartFile.SAVE, str(path))

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

    def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            self._close()  # only then all of its report is on the disk, with the names that the error itself lacks
            said = self._report.read_text("utf-8", errors="replace") if self._report.exists() else ""
            lines = [re.sub(r"\s+", " ", line).strip() for line in said.splitlines() if "ERROR" in line]
            raise SourceError("swmm_refused", found="; ".join(lines[:5]) or str(error).strip()) from error
