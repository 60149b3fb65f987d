"""The flood hazard: rain and drains on a city's ground give depth and speed of water."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

import numpy as np
import xarray as xr
from annotated_types import Ge, Le
from numpy.typing import NDArray

from hydro.drains.coupling import GRATE_PAIR, Inlets
from hydro.drains.drainage import Drainage, NoDrainage, Notes, SwmmDrainage, model_notes, refuse_model
from hydro.drains.screening import ScreeningDrainage
from hydro.drains.tree import drain_tree
from hydro.ground.soil import WETNESS, Infiltration
from hydro.ground.surface import DURATION_M, SOIL_STEP_S, TRACK_S, Surface
from hydro.ground.tanks import Tanks
from hydro.ground.works import Entrances, PointInflows, Sill
from hydro.storms.rain import Rain, Roofs, Series
from hydro.variables import (
    DURATION_ABOVE,
    FLOOD_DANGER,
    MAX_WATER_DEPTH,
    TIME_OF_MAX_DEPTH,
    WATER_DEPTH,
    WATER_SPEED,
)
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.frames import new_frames
from twin.hazard import Action, Balance, Drivers, Outcome, Progress, State
from twin.variables import Unit, Variable, conform

#: The surface ledger must close to this share of what came in; float32 rounds each step's rain to its own last digit.
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}

#: What was reached, beside what the model `gives` in time; kept for the run folder, not handed to later hazards.
REACHED = (MAX_WATER_DEPTH, TIME_OF_MAX_DEPTH, DURATION_ABOVE, FLOOD_DANGER)

#: Measures on the drains -> the forms of drainage in which they do something.
DRAINAGE_OF = {"inlets": ("swmm", "screening"), "drain_pump": ("swmm",), "gate": ("swmm",)}


@dataclass(frozen=True)
class Flood:
    """Surface flow by one of the schemes, with infiltration by class and EPA SWMM in the loop.

    Valid for shallow, mostly subcritical flow over streets and yards and thin sheets on slopes; deep fast flow is held at
    Froude 1 and the result says how much of it there was. Buildings are blocks; their roofs drain to the nearest manhole
    within reach, else to the ground beside them. The city's rim is a free edge (water leaves) unless `edge` is "closed".
    """

    needs: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("rain_rate", "rain_rate_grid", "river_stage", "inflow", "breach", "state"),
    )
    reads: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[Variable, ...]] = (WATER_DEPTH, WATER_SPEED)

    drainage: Literal["swmm", "screening", "none"] = "swmm"
    cell_m: Annotated[float, Ge(1.0), Le(100.0), Unit("m")] = 10.0
    exchange_s: Annotated[float, Ge(1.0), Le(60.0), Unit("s")] = 5.0
    courant: Annotated[float, Ge(0.1), Le(0.67), Unit("1", "stability limit in hydro.kernels.inertial")] = 0.64
    precision: Literal["float32", "float64"] = "float32"
    inlet_open_share: Annotated[float, Ge(0.0), Le(1.0), Unit("1", "a fifth of the grates clogged: assumed")] = 0.8
    inlets: Inlets = GRATE_PAIR
    infiltration: Infiltration = "green-ampt"
    soil_wetness: Annotated[
        float, Ge(0.0), Le(1.0), Unit("1", "share of the effective porosity filled before the rain: assumed")
    ] = WETNESS
    edge: Literal["free", "closed"] = "free"
    scheme: Literal["auto", "inertial", "full", "subgrid"] = "auto"
    subgrid_factor: Annotated[int, Ge(2), Le(10), Unit("1", "cells to a side of a coarse one: assumed")] = 4

    def choose(self, actions: tuple[Action, ...]) -> tuple[str, str]:
        """Return the scheme that is used and why: the one asked for, the full one for a breach, else the inertial one."""
        if self.scheme != "auto":
            return self.scheme, "asked"
        return ("full", "breach") if any(a.kind == "breach" for a in actions) else ("inertial", "default")

    def simulate(
        self,
        city: City,
        drivers: Drivers,
        clock: Clock,
        actions: tuple[Action, ...] = (),
        rng: np.random.Generator | None = None,
        state: State | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Simulate one member; see `twin.hazard.Hazard`. Raises NumericsError with time and cell when the model breaks."""
        exchanges = self._exchanges(clock)
        self._check_drainage(actions)
        city = city.at_cell_size(self.cell_m)
        settings = self._settings(actions)
        handed = state is not None and (state.settings.get("scheme"), settings["scheme"]) == ("inertial", "full")
        surface = Surface(
            city,
            scheme=self.choose(actions)[0],
            closed=self.edge == "closed",
            precision=self.precision,
            courant=self.courant,
            factor=self.subgrid_factor,
            state=state and state.check("flood", city.grid.hash, settings | ({"scheme": "inertial"} if handed else {})),
        )
        with self._drainage(city, surface, clock, actions, state) as drains:
            rain = Rain(drivers, clock, city, Roofs(city, surface.land, drains.roofs), len(drains.captured))
            river = Series(drivers, "river_stage", clock)
            entrances = Entrances(city, surface.land)
            inflows = PointInflows(city, surface.land)
            tanks = Tanks(city, surface.land, state.arrays if state else None)
            depth, speed = (new_frames(clock.steps + 1, city.grid.shape) for _ in range(2))
            depth[0], speed[0] = surface.frame()
            tracked = max(1, round(TRACK_S / self.exchange_s))
            for k in range(clock.steps * exchanges):
                t = k * self.exchange_s
                stage = river.at(t)
                surface.hold_river(stage)
                surface.shape_bed(t, actions)
                if k * self.exchange_s % SOIL_STEP_S == 0:
                    surface.renew_soil(self.infiltration, self.soil_wetness)
                drains.exchange(
                    t, self.exchange_s, surface.depth(), rain.to_manholes(t, self.exchange_s), stage, actions
                )
                surface.water.wake(drains.row, drains.col)
                surface.pump(t, self.exchange_s, actions)
                tanks.fill(t, surface.depth(), actions)
                entrances.take(t, self.exchange_s, surface.depth(), actions)
                poured = inflows.onto(rain.on_ground(t), t, self.exchange_s, actions)
                surface.advance(poured, self.exchange_s, clock, t)
                surface.soak(self.exchange_s)
                if (k + 1) % tracked == 0:
                    surface.track(t + self.exchange_s, tracked * self.exchange_s)
                if (k + 1) % exchanges == 0:
                    at = (k + 1) // exchanges
                    depth[at], speed[at] = surface.frame()
                    if progress is not None:
                        progress((k + 1) / (clock.steps * exchanges))
            manholes = drains.finish()
        works = {"tanks": tanks.taken_m3, "entrances": entrances.total_m3, "inflow": inflows.total_m3}
        balance = self._balance(surface, drains, rain.fallen_on_roofs_m3, works)
        kept = surface.arrays() | drains.record() | tanks.record()
        after = State("flood", city.grid.hash, kept, settings=settings)
        fields = conform(_fields(depth, speed, surface, city, clock), *self.gives, *REACHED)
        return Outcome(
            fields,
            {"manholes": manholes, "entrances": entrances.table(), "uncoupled": drains.uncoupled},
            balance.check("flood"),
            after,
            self._notes(surface, drains, entrances, actions) + ((("handed_over", {}),) if handed else ()),
        )

    def check(
        self, city: City, drivers: Drivers, clock: Clock, actions: tuple[Action, ...] = (), state: State | None = None
    ) -> None:
        """Raise the first error that a run would begin with: its steps, measures on the drains, what the engine refuses."""
        self._exchanges(clock)
        self._check_drainage(actions)
        if self.drainage == "none" or city.drains is None:
            return
        step = self.exchange_s if self.drainage == "swmm" else 1.0
        refuse_model(city.drains.inp, clock.start.astimezone(city.tz).replace(tzinfo=None), clock.duration_s, step)
        if self.drainage == "screening":
            drain_tree(city.drains.inp)

    @classmethod
    def check_city(cls, city: City) -> Notes:
        """Return what any run on this city would have to say of its drains; raise the error with which the engine refuses them."""
        if city.drains is None:
            return []
        refuse_model(city.drains.inp, datetime(2000, 1, 1), 3600.0, cls.exchange_s)
        return model_notes(city.drains.inp)

    def _exchanges(self, clock: Clock) -> int:
        """Return how many exchanges make an output step; raise ScenarioError where it is no whole number."""
        exchanges = round(clock.step_s / self.exchange_s)
        if exchanges * self.exchange_s != clock.step_s:
            raise ScenarioError("exchange_step", step=clock.step_s, exchange=self.exchange_s)
        return exchanges

    def result_bytes(self, city: City, clock: Clock) -> int:
        """Return the bytes of depth and speed, 4 each, in every cell at every output time."""
        grid = city.grid.at_cell_size(self.cell_m)
        return 8 * grid.ny * grid.nx * (clock.steps + 1)

    def _check_drainage(self, actions: tuple[Action, ...]) -> None:
        """Raise ScenarioError for a measure on drains that this run does not simulate."""
        for action in actions:
            needed = DRAINAGE_OF.get(action.kind)
            if needed and self.drainage not in needed:
                raise ScenarioError(
                    "measure_drainage", kind=action.kind, place=action.place, found=self.drainage, expected=needed
                )

    def _settings(self, actions: tuple[Action, ...]) -> dict[str, str | float]:
        """Return what must be the same in a run that goes on from another: the raster, what moves water, the exchange step, the soil."""
        scheme = self.choose(actions)[0]
        settings: dict[str, str | float] = {"cell_m": self.cell_m, "scheme": scheme}
        if scheme == "subgrid":
            settings["subgrid_factor"] = float(self.subgrid_factor)
        if self.infiltration == "green-ampt":
            settings["soil_wetness"] = self.soil_wetness
        return settings | {"drainage": self.drainage, "exchange_s": self.exchange_s, "precision": self.precision}

    def _drainage(
        self, city: City, surface: Surface, clock: Clock, actions: tuple[Action, ...], state: State | None
    ) -> Drainage:
        if self.drainage == "none" or city.drains is None:
            return NoDrainage()
        if self.drainage == "screening":
            return ScreeningDrainage(
                city=city, open_ground=surface.land, open_share=self.inlet_open_share, inlets=self.inlets
            )
        replayed_s = len(state.arrays["drain_inflows"]) * self.exchange_s if state else 0.0
        return SwmmDrainage(
            city=city,
            bed=surface.z,
            open_ground=surface.land,
            local_start=clock.start.astimezone(city.tz).replace(tzinfo=None) - timedelta(seconds=replayed_s),
            duration_s=clock.duration_s,
            exchange_s=self.exchange_s,
            open_share=self.inlet_open_share,
            inlets=self.inlets,
            actions=actions,
            replay=state.arrays if state else None,
        )

    def _balance(self, surface: Surface, drains: Drainage, roofs_m3: float, works: Mapping[str, float]) -> Balance:
        """Return the balance of the water on the surface; the engine's own account is a remark, never counted in it."""
        ledger = surface.ledger_m3()
        return Balance(
            unit="m3",
            came_in={
                "rain": ledger["rain"] - works["inflow"] + roofs_m3,
                "inflow": works["inflow"],
                "surcharge": float(drains.surcharged.sum()) + drains.spilled_m3,
                "river": ledger["from_river"],
            },
            went_out={
                "inlets": float(drains.captured.sum()),
                "roofs_to_drains": roofs_m3,
                "infiltration": ledger["infiltration"],
                "river": ledger["to_river"],
                "edge": ledger["over_edge"],
                "pumps": ledger["pumped"],
                "entrances": works["entrances"],
            },
            stored={"surface": ledger["stored"], "tanks": works["tanks"]},
            tolerance=TOLERANCE[self.precision],
            remarks={f"swmm_{name}": value for name, value in drains.account.items()} | {"steps": float(surface.steps)},
        )

    def _notes(
        self, surface: Surface, drains: Drainage, entrances: Entrances, actions: tuple[Action, ...]
    ) -> tuple[tuple[str, dict[str, object]], ...]:
        """Say what the reader must know: assumptions made here and limits met."""
        notes: Notes = [
            ("scheme", dict(zip(("name", "why"), self.choose(actions), strict=True))),
            ("cell_size", {"cell": self.cell_m, "precision": self.precision}),
            ("ground", {"law": self.infiltration}),
        ]
        if self.infiltration == "green-ampt":
            notes.append(("soil_wetness", {"percent": 100 * self.soil_wetness}))
        if entrances.assumed:
            notes.append(("entrances_assumed", {"step": Sill.step_m, "width": Sill.width_m}))
        notes += drains.notes()
        if surface.fast_share > 0.01 and surface.water.name != "full":
            notes.append(("froude_limited", {"percent": 100 * surface.fast_share}))
        if self.edge == "closed":
            notes.append(("edge_closed", {}))
        return tuple(notes)


def _fields(
    depth: NDArray[np.float32], speed: NDArray[np.float32], surface: Surface, city: City, clock: Clock
) -> xr.Dataset:
    """Return the fields: depth and speed in time, (time, y, x), and what was reached (21 bytes a cell)."""
    reached, space = surface.reached(), ("y", "x")
    fields = xr.Dataset(
        {
            "water_depth": (("time", *space), depth),
            "water_speed": (("time", *space), speed),
            "max_water_depth": (space, reached["highest"]),
            "time_of_max_depth": (space, np.nan_to_num(np.maximum(reached["peak_s"], 0.0), nan=-1.0)),
            "duration_above": (("depth_bound", *space), reached["above"]),
            "flood_danger": (space, reached["danger"]),
        },
        coords={"time": clock.times.values, "y": city.grid.y, "x": city.grid.x, "depth_bound": list(DURATION_M)},
    )
    fields["depth_bound"].attrs |= {"units": "m", "standard_name": "flood_water_thickness"}
    return fields
