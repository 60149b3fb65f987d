"""A drain engine coupled to water on a grid, both given as arrays: no city, no files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Le
from numpy.typing import NDArray

from hydro.drains.swmm import Engine
from hydro.drains.swmm_input import Setting, prepare
from hydro.kernels.exchange import exchange
from twin.errors import ScenarioError
from twin.inp import read_sections
from twin.variables import Unit

Array = NDArray[np.float64]

RUBINATO = "Rubinato et al. 2017, doi:10.1016/j.jhydrol.2017.06.024"
#: Part of a gap between head and surface that one step may close. The rise of the last step is an estimate: with the
#: engine's trapezoidal step a gap closed whole swings for ever (spectral radius 1.12), a quarter dies by 0.81 a step, and
#: still dies where the manhole's true store is 0.65 of the one assumed.
CLOSING = 0.25

GRATES = "GB/T 26537 grates of 0.45 m x 0.75 m, two per manhole: assumed"


@dataclass(frozen=True)
class Inlets:
    """What one manhole and the gullies beside it can pass."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    length_m: Annotated[float, Ge(0.0), Le(100.0), Unit("m", GRATES)] = 4.8
    grate_area_m2: Annotated[float, Ge(0.0), Le(50.0), Unit("m2", GRATES)] = 0.30
    shaft_area_m2: Annotated[float, Ge(0.0), Le(50.0), Unit("m2", "a shaft of 0.7 m: assumed")] = 0.385
    pond_area_m2: Annotated[float, Ge(0.1), Le(1000.0), Unit("m2", "assumed")] = 4.0
    weir: Annotated[float, Ge(0.0), Le(1.0), Unit("1", RUBINATO)] = 0.56
    orifice: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "sharp-edged orifice, 0.6 to 0.67")] = 0.65
    reach_m: Annotated[float, Ge(0.0), Le(500.0), Unit("m", "roofs farther from a manhole drain to the ground")] = 60.0


#: The inlets of a street where nothing else is said.
GRATE_PAIR = Inlets()


#: Depth from which water counts as standing at an inlet, m, and the share of that time from which inlets bind: assumed.
POND_M, BINDING_SHARE = 0.05, 0.5


class Ponding:
    """How long water stood at inlets, in inlets times steps, and for how much of that the pipes below had room."""

    def __init__(self) -> None:
        self.stood = self.had_room = 0

    def look(self, depth: NDArray[np.floating], room: NDArray[np.bool_]) -> None:
        """Count one step from the `depth` of water at each inlet (m) and whether its pipes have `room`, both (n,)."""
        ponded = depth > POND_M
        self.stood += int(ponded.sum())
        self.had_room += int((ponded & room).sum())

    @property
    def binding_share(self) -> float:
        """Share of the time with water at inlets in which not the pipes but the inlets kept it up, 0..1."""
        return self.had_room / self.stood if self.stood else 0.0


@dataclass(frozen=True)
class Manholes:
    """The coupled manholes: `ids` of the drain model, their cells `row`, `col` and their rims (m), arrays (n,)."""

    ids: Sequence[str]
    row: NDArray[np.int64]
    col: NDArray[np.int64]
    rim: Array

    def __len__(self) -> int:
        return len(self.ids)


class Coupling:
    """EPA SWMM and water on a grid, coupled both ways at `manholes`; use as a context manager.

    Each exchange step: read heads, move water by weir and orifice (`hydro.kernels.exchange`), hand the flow to the
    engine as lateral inflow, route. `inp` is the model's text, `start` the local time, `exchange_s` a whole number of
    seconds, `outfalls` the outfalls that stand in the river, `settings` links held for a time (s on this run's clock).
    Every inflow is recorded; with `replay` (a `record()`) the run first repeats them, so it goes on exactly.
    Raises ScenarioError for an exchange step that is no whole number of seconds.
    """

    def __init__(
        self,
        inp: str,
        manholes: Manholes,
        *,
        start: datetime,
        duration_s: float,
        exchange_s: float,
        cell_area_m2: float,
        inlets: Inlets = GRATE_PAIR,
        outfalls: Sequence[str] = (),
        settings: Sequence[Setting] = (),
        replay: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> None:
        whole_seconds(exchange_s)
        self.manholes, self.inlets, self.exchange_s = manholes, inlets, exchange_s
        self._cell_area, self._outfalls = cell_area_m2, list(outfalls)
        n = len(manholes)
        self.captured, self.surcharged, self.roof = np.zeros(n), np.zeros(n), np.zeros(n)
        self.highest = np.full(n, -np.inf)
        self.ponding = Ponding()
        self._inflows: list[Array] = list(replay["drain_inflows"]) if replay else []
        self._stages: list[float] = list(replay["drain_stages"]) if replay else []
        self.replayed_s = len(self._inflows) * exchange_s
        self._settings = _joined(replay, settings, self.replayed_s, duration_s)
        self.pumps = [row[0] for row in read_sections(inp).get("PUMPS", [])]
        pond = dict.fromkeys(manholes.ids, inlets.pond_area_m2)
        total = duration_s + self.replayed_s
        self.engine = Engine(prepare(inp, start, total, exchange_s, pond, self._settings), manholes.ids)
        self._many = np.ones(n)
        self._before: Array | None = None
        self._handed = np.zeros(n)
        self.pump_starts: dict[str, int] = {}
        self.account: dict[str, float] = {}
        self._engine_s = self._bookkeeping_s = 0.0

    def __enter__(self) -> Coupling:
        self.engine.__enter__()
        last = len(self._inflows) - 1
        for k, (flow, stage) in enumerate(zip(self._inflows, self._stages, strict=True)):
            if k == last:
                self._before = self.engine.heads()
            self._route(flow, stage, self.exchange_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.__exit__(kind, error, trace)

    def step(
        self,
        h: NDArray[np.floating],
        z: NDArray[np.floating],
        *,
        roof_m3_s: Array | float = 0.0,
        stage: float | None = None,
        open_share: Array | float = 1.0,
    ) -> Array:
        """Exchange water with the surface and route the drains for one step; return the volumes taken down, m3 (n,).

        `h` (ny, nx) is changed in place, `z` its bed; `roof_m3_s` is what roofs send straight down each manhole,
        `stage` the river level at the outfalls (m), `open_share` the share of each inlet that is not blocked.
        """
        began, dt, n = time.perf_counter(), self.exchange_s, len(self.manholes)
        volume, inlets, many = np.zeros(n), self.inlets, self._many
        head = self.engine.heads()
        self.highest = np.maximum(self.highest, head)
        self.ponding.look(h[self.manholes.row, self.manholes.col], head < self.manholes.rim)
        exchange(
            volume,
            h,
            z,
            self.manholes.row,
            self.manholes.col,
            head,
            self._ahead(head, np.broadcast_to(roof_m3_s, n) * dt),
            self.manholes.rim,
            inlets.length_m * many,
            inlets.grate_area_m2 * many,
            inlets.shaft_area_m2 * many,
            CLOSING * inlets.pond_area_m2 * many,
            open_share * many,
            self._cell_area,
            inlets.weir,
            inlets.orifice,
            dt,
        )
        self.captured += np.maximum(volume, 0.0)
        self.surcharged += np.maximum(-volume, 0.0)
        self.roof += roof_m3_s * many * dt
        self._before = head
        self._inflows.append(volume / dt + roof_m3_s)
        self._stages.append(np.nan if stage is None else stage)
        self._bookkeeping_s += time.perf_counter() - began
        self._route(self._inflows[-1], self._stages[-1], dt)
        return volume

    def _ahead(self, head: Array, coming_m3: Array) -> Array:
        """Return the heads after this step if nothing is exchanged and the pipes carry what they carried in the last one.

        Above the rim a manhole stores `pond_area_m2` per metre, so the last rise tells what the pipes carried. Only the
        part CLOSING of that store is counted, so that one step closes that part of a gap and no more.
        """
        if self._before is None:
            return head
        rim = self.manholes.rim
        rise = np.maximum(head, rim) - np.maximum(self._before, rim)
        carried = self._handed - rise * self.inlets.pond_area_m2
        return np.asarray(head + (coming_m3 - carried) / (CLOSING * self.inlets.pond_area_m2))

    def _route(self, flow: Array, stage: float, dt: float) -> None:
        began = time.perf_counter()
        self._handed = flow * dt
        self.engine.set_inflows(flow)
        if not np.isnan(stage) and self._outfalls:
            self.engine.set_outfall_stages(self._outfalls, stage)
        self.engine.advance(dt)
        self._engine_s += time.perf_counter() - began

    def finish(self) -> pd.DataFrame:
        """End the engine's run, keep its account and return what each manhole passed.

        `account` holds the engine's volumes and continuity error, what was handed over (m3), the time inside the engine
        and in the bookkeeping around it (s), and how much of the run repeated an earlier one (s). The engine counts a
        net lateral loss of a node as outflow: what the outfalls discharged is `outflow_m3` less that part.
        """
        self.pump_starts = self.engine.pump_starts(self.pumps)
        handed = np.array(self._inflows).reshape(len(self._inflows), len(self.manholes)) * self.exchange_s
        self.account = self.engine.finish() | {
            "handed_in_m3": float(handed.clip(min=0).sum()),
            "handed_out_m3": float(-handed.clip(max=0).sum()),
            "engine_s": self._engine_s,
            "exchange_s": self._bookkeeping_s,
            "replayed_s": self.replayed_s,
        }
        return pd.DataFrame(
            {
                "id": list(self.manholes.ids),
                "captured_m3": self.captured,
                "surcharged_m3": self.surcharged,
                "roof_m3": self.roof,
                "highest_head_m": self.highest,
            }
        )

    def record(self) -> dict[str, NDArray[np.generic]]:
        """Return every inflow, outfall stage and held link so far, for a run that goes on from here."""
        held = [s for s in self._settings if s.start_s < s.end_s]
        return {
            "drain_inflows": np.array(self._inflows).reshape(len(self._inflows), len(self.manholes)),
            "drain_stages": np.array(self._stages),
            "drain_held_links": np.array([s.link for s in held], dtype=np.str_),
            "drain_held": np.array([s[1:] for s in held], dtype=float).reshape(-1, 3),
        }


def whole_seconds(exchange_s: float) -> None:
    """Raise ScenarioError for an exchange step that the engine, which advances by whole seconds, cannot take."""
    if exchange_s != round(exchange_s):
        raise ScenarioError("exchange_whole", found=exchange_s)


def _joined(
    replay: Mapping[str, NDArray[np.generic]] | None, settings: Sequence[Setting], replayed_s: float, duration_s: float
) -> list[Setting]:
    """Return the held links of the earlier run and of this one, on the clock of the engine, which began with the earlier run."""
    before = []
    if replay and "drain_held_links" in replay:
        links = replay["drain_held_links"].tolist()
        before = [Setting(link, *row) for link, row in zip(links, replay["drain_held"].tolist(), strict=True)]
    now = [
        Setting(s.link, max(s.start_s, 0.0) + replayed_s, min(s.end_s, duration_s) + replayed_s, s.value)
        for s in settings
        if s.start_s < duration_s and s.end_s > 0.0
    ]
    return before + now
