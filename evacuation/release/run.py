"""One run of the release on its way: the order of events, step by step, and what comes of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from evacuation.release import advice, ignition, leaks, members
from evacuation.release.ahead import AHEAD_MIN, Ahead, by_block
from evacuation.release.air_changes import AirChanges, OfBuildings
from evacuation.release.at_source import at_source, figures
from evacuation.release.buildings.near_members import NearMembers
from evacuation.release.buildings.near_source import NearSource, NoNearSource
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.ground import advised, cells_of, residents
from evacuation.release.gusts import PEAK_S, peak_factor
from evacuation.release.history import History
from evacuation.release.kernels import loads
from evacuation.release.locate.detected import Found
from evacuation.release.notes import notes_of
from evacuation.release.streets.street_form import Streets
from evacuation.release.substances import Family
from evacuation.release.toxicity import WINDOWS_S, Limits
from evacuation.release.variables import LIKELY, REACHED
from evacuation.release.ways import Water, Ways
from evacuation.release.weather import Weather
from evacuation.release.zones import of_danger, zones
from twin.city import City
from twin.clock import Clock
from twin.exposure.people import NIGHT_HOURS
from twin.frames import new_frames
from twin.grid import Grid
from twin.hazard import Balance, Outcome, Progress, State
from twin.streams import stream
from twin.variables import conform

#: The ledger must close to this share of what came in, float64.
TOLERANCE = 1e-9


class Run:
    """One run on its way: the order of events, step by step. `model` is the `Release` that was asked for."""

    def __init__(
        self, model: Any, city: City, grid: Grid, clock: Clock, weather: Weather, tanks: leaks.Leaks, limits: Limits, frame_s: float,
        rng: np.random.Generator | None, arrays: Any, numbers: Any, ways: Ways | None, water: Water | None,
        found: Found | None, streets: Streets,
    ) -> None:  # fmt: skip
        self.model, self.grid, self.clock, self.weather = model, grid, clock, weather
        self.tanks, self.limits, self.ways, self.water, self.streets = tanks, limits, ways, water, streets
        self.elapsed, self.number = float(numbers.get("elapsed_s", 0.0)), int(numbers.get("number", 0))
        self.lost_before = self.lost = float(numbers.get("lost_kg", 0.0))
        self.taken_before = self.taken = float(numbers.get("taken_kg", 0.0))
        self.flammable = tanks.substance.flammable_kg_m3 or 0.0
        if arrays is not None:
            tanks.restore(arrays)
        self.found = found
        turns = members.draw(model.wind_members, model.direction_sd_deg, model.speed_sd, rng)
        known = None, members.strengths(model.wind_members, model.source_sd if model.varies_source else 0.0, rng)
        shifts, strengths = found.draws(model.wind_members, rng or stream(0, "release")) if found else known
        off = model.stability_share if model.varies_stability else 0.0
        classes = members.classes(model.wind_members, off, rng)
        self.cloud = Cloud(*turns, arrays, shifts, strengths, tanks.substance.uptake, classes)
        self.near: NearSource = (
            NearMembers(city, grid, self.cloud, arrays) if model.near_source else NoNearSource(self.cloud)
        )
        self.before = tanks.ledger() | {"air": self.near.airborne_kg}
        frames = round(clock.duration_s / frame_s)
        self.history = History(grid.shape, limits, self.flammable, frame_s, frames, arrays)
        self.shares = members.Shares(model.wind_members, grid.shape, limits, self.flammable, frame_s, arrays)
        self.ahead = Ahead(grid.shape, frame_s)
        opened, shut = model.air_changes_open / 3600.0, model.air_changes_shut
        self.rooms: AirChanges = (
            OfBuildings(opened, city, grid, arrays, self.cloud.factors[1:], self.cloud.classes[1:])
            if isinstance(shut, str)
            else AirChanges(opened, shut / 3600.0, grid.shape, model.wind_members)
        )
        self.all = np.zeros((self.cloud.members, *grid.shape))
        kept = arrays if arrays is not None else {}
        zeros = np.zeros(grid.shape)
        self.c = np.array(kept.get("c", zeros))
        self.highest, self.dose = np.array(kept.get("highest", zeros)), np.array(kept.get("dose", zeros))
        self.frames, self.rates, self.severity = (new_frames(clock.steps + 1, grid.shape) for _ in range(3))
        self.frames[0], self.severity[0] = self.c, self.history.severity
        self.masses = [self._mass()]
        #: how wide, against a steady wind, the directions of members spread at most while there was gas
        self.widest = float(numbers.get("widest", 1.0))

    def advance(self, progress: Progress | None) -> None:
        """Go through the clock: tanks, air, cloud, doses, members; keep a frame at every output time."""
        model, dt, curve = self.model, self.model.step_s, self.limits.curves[2]
        steps = round(self.clock.step_s / dt)
        rate = np.zeros(self.grid.shape)
        for k in range(self.clock.steps * steps):
            t = k * dt
            air = self.weather.at(t)
            emissions: list[Emission] = self.tanks.step(t, self.elapsed + t, dt, air)
            if not np.isnan(self.tanks.began):
                self.widest = max(self.widest, air.wider)
            taken = self.cloud.step(emissions, dt, model.puffs_per_step, self.number, air, t)
            lost = self.cloud.lose(self.grid)
            self.cloud.onto(self.grid, air, self.all)
            step = self.number // model.puffs_per_step
            taken, lost = self.near.step(emissions, dt, step, air, t, self.all, (taken, lost))
            self.number += model.puffs_per_step
            self.taken, self.lost = self.taken + taken, self.lost + lost
            self.c[:] = self.all[0]
            self.streets.step(self.cloud, air, emissions, dt, self.c)
            np.maximum(self.highest, self.c, out=self.highest)
            loads.add_load(rate[None], self.all[:1], dt, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
            self.rooms.blow(self.history.count, air)
            self.history.add(self.c, dt)
            self.shares.add(self.all[1:], dt, self.rooms, self._shut(self.elapsed + t), self.elapsed + t)
            self.ahead.look(self.warned(), self.history, self.shares, self.all[1:])
            if (k + 1) % steps == 0:
                self.streets.frame(self.clock.step_s)
                self.dose += rate
                at = (k + 1) // steps
                self.rates[at - 1] = rate / self.clock.step_s
                rate[:] = 0.0
                self.frames[at], self.severity[at] = self.c, self.history.severity
                self.masses.append(self._mass())
                if progress is not None:
                    progress((k + 1) / (self.clock.steps * steps))
        loads.add_load(rate[None], self.c[None], 1.0, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
        self.rates[-1] = rate

    def warned(self) -> float:
        """When people are warned, s since the first run's start; infinite while nothing leaks."""
        began = self.tanks.began
        if self.found is not None:
            return self.found.known_s
        return np.inf if np.isnan(began) else began + self.model.warned_min * 60.0

    def _shut(self, moment: float) -> bool:
        """Return whether windows are shut at a moment, s since the first run's start: from the frame of the warning on."""
        frame_s, warned = self.history.frame_s, self.warned()
        return math.isfinite(warned) and moment >= math.ceil(warned / frame_s - 1e-9) * frame_s - 1e-6

    def _at_home(self) -> str:
        """Return whom the city counts at home when the run begins: its people of the "night" or of the "day"."""
        hour = self.clock.times[0].tz_localize("UTC").tz_convert(self.weather.tz).hour
        return "night" if hour >= NIGHT_HOURS[0] or hour < NIGHT_HOURS[1] else "day"

    def _wind(self) -> pd.DataFrame:
        """Return speed (m s-1) and direction (degrees it comes from; NaN in a calm) of the mean wind.

        A row for the beginning and each time from which the forcing makes it another.
        """
        changes = self.weather.changes
        seconds = np.append(0.0, changes[(changes > 0.0) & (changes < self.clock.duration_s)])
        airs = [self.weather.at(t) for t in seconds]
        times = self.clock.times[0] + pd.to_timedelta(seconds, unit="s")
        away = np.rad2deg(np.arctan2([-air.east for air in airs], [-air.north_ward for air in airs])) % 360.0
        table = pd.DataFrame({"time": times, "speed_m_s": [air.wind for air in airs], "from_deg": away})
        table.loc[[math.isinf(air.wider) for air in airs], "from_deg"] = np.nan
        values = table[["speed_m_s", "from_deg"]].round(3).fillna(-1.0)
        return table[(values != values.shift()).any(axis=1)].reset_index(drop=True)

    def any_way(self) -> bool:
        """Return whether the gas met a calm and too few members tell where it may go: then no block is known to be spared."""
        return math.isinf(self.widest) and self.model.wind_members < members.ALL_ROUND

    def _assumed(self) -> pd.DataFrame:
        """Return what the advice takes of people, one row; `known_min` is missing where the last reading says when a leak is known."""
        known = self.model.warned_min if self.found is None else np.nan
        over = self.near.over_edge_kg(self.grid) + self.lost
        row = {
            "ready_min": self.model.ready_min,
            "walk_m_s": self.model.walk_m_s,
            "known_min": known,
            "over_edge_kg": over,
            "calm": math.isinf(self.widest),
            "out_of_sight_kg": self.lost,
            "burns": ignition.leads(self.flammable, self.limits.curves[2]),
        }
        return pd.DataFrame([row | {"members": self.model.wind_members}])

    def _burning(self, probability: Any) -> ignition.Burning | None:
        """Return what may burn; None for a gas that does not."""
        if not self.flammable:
            return None
        frames, streets = self.history.frames[: self.history.count] / np.float32(self.flammable), self.streets.air()
        in_streets = None if streets is None else (streets[0] / self.flammable, streets[1] / self.flammable)
        leads = ignition.leads(self.flammable, self.limits.curves[2])
        clears = self.shares.quenching(members.POSSIBLE)
        return ignition.Burning(frames, self.highest / self.flammable, probability, clears, leads, in_streets)

    def outcome(self, city: City, settings: dict[str, str | float]) -> Outcome:
        """Return fields, tables, ledger, state and notes."""
        model, curve = self.model, self.limits.curves[2]
        people = advice.People(self.warned(), 60.0 * model.ready_min, model.walk_m_s)
        rooms = advice.indoors(self.history, curve, people.warned_s, self.rooms)
        shares = self.shares.shares()
        families = self.tanks.substance.families()
        family = families[model.family] if model.family else next(iter(families.values()), None)
        foreseen = advice.Foreseen(
            self.history, curve, rooms, shares[0], residents(city, self.grid, self._at_home()),
            self.limits.curves[0].at(WINDOWS_S[-1]), family, self.tanks.substance.kg_m3(1.0), self._burning(shares[2]), self.elapsed,
            math.isinf(self.widest), self.shares.arrival(members.POSSIBLE), self.shares.clearing(members.POSSIBLE),
        )  # fmt: skip
        places = advised(city)
        everywhere = advice.advise(places, self.grid, people, foreseen, self.ways, self.water, self.streets.rates())
        if self.any_way():
            everywhere.loc[everywhere["reason"] == "not_met", ["reason", "probability"]] = "calm", np.nan
        if not model.wind_members and self.tanks.ledger()["out"] > 0.0:
            everywhere.loc[everywhere["reason"] == "not_met", "reason"] = "one_wind"
        told = everywhere[: len(city.blocks)]
        inside = self.ahead.indoors(rooms, self.history, self.limits, self.flammable)
        known_s = self.found.known_s if self.found else None
        events, wind = self.tanks.events(self.elapsed, 60.0 * model.warned_min, known_s), self._wind()
        tanks, found = self.tanks.table(self.elapsed), self.found.tables(city) if self.found else {}
        ways = ignition.on_roads(city, self.grid, foreseen.burning, people.warned_s, self.history.frame_s, self.elapsed)
        sources = [(float(x), float(y)) for x, y in tanks[["x", "y"]].to_numpy()]
        life = of_danger(self.grid, self.history.worst, shares[1:], sources)
        fields = self._fields(city, rooms, shares, told).assign(self._harm(rooms, family) | self._moments(inside[0]))
        fields["gas_may_burn"] = ignition.in_time(
            city, self.grid, foreseen.burning, people.warned_s, self.history.frame_s, self.elapsed, self.clock
        )
        return Outcome(
            conform(fields, *model.gives, *(v for v in REACHED if v.name in fields)),
            {
                "events": events,
                "advice": told,
                "venues": everywhere[len(city.blocks) :].reset_index(drop=True),
                "rescue": advice.rescues(everywhere),
                "airing": advice.airings(everywhere),
                "sparks": ignition.sparks(everywhere),
                "burning_ways": ways,
                "wind": wind,
                "at_source": at_source(tanks, events, found, wind, self.clock.times[0], life),
                "assumed": self._assumed(),
                "ahead": self._ahead(city, inside, bool(foreseen.burning and foreseen.burning.leads)),
                "tanks": tanks,
                "figures": figures(told, ways, tanks, life),
                "limits": self._limits(),
                "mass": self._masses(),
                **self._zones(shares, sources),
                **self.streets.tables(),
                **found,
            },
            self._balance().check("release"),
            self._state(settings),
            tuple(notes_of(self, told, family)),
        )

    def _ahead(self, city: City, inside: tuple[Any, Any], burns: bool) -> pd.DataFrame:
        """Return how bad it is in each block now and later; a calm that too few members follow leaves open where it is not."""
        blocks = city.blocks["id"].astype(str) if len(city.blocks) else ()
        ground = dict(zip(blocks, cells_of(city.blocks, self.grid) if len(city.blocks) else (), strict=True))
        table = by_block(
            ground, self.ahead, inside, self.history.worst, self.shares.ever(), 0.0 if burns else advice.SHARE, self.elapsed,
            self.history.frame_s,
        )  # fmt: skip
        if self.any_way():
            for where in ("outdoors", "indoors"):
                table.loc[~(table[where] >= 1.0), [where, f"{where}_aegl2", f"{where}_aegl3"]] = np.nan
        return table

    def _moments(self, indoors: Any) -> dict[str, Any]:
        """Return severity at each moment outdoors and in rooms; nothing where nobody is warned within the run."""
        if self.ahead.counts[0] < 0:
            return {}
        fields = {"gas_severity_ahead": self.ahead.outdoors, "indoor_severity_ahead": indoors.astype(np.float32)}
        axes = {"ahead": np.array(AHEAD_MIN), "y": self.grid.y, "x": self.grid.x}
        return {name: xr.DataArray(values, axes, tuple(axes)) for name, values in fields.items()}

    def _fields(self, city: City, rooms: advice.Indoors, shares: Any, told: pd.DataFrame) -> xr.Dataset:
        timed, space = ("time", "y", "x"), ("y", "x")
        choice = told["advice"].map({name: k for k, name in enumerate(advice.CHOICES)}).to_numpy(float)
        choice[told["reason"].isin(["calm", "one_wind"])] = np.nan
        # out of a gas that may burn one leaves as long as it stands there
        pays = (told["advice"] == "leave") & ~told["burns"].astype(bool)
        leave = told["by_s"].where(pays).to_numpy(float)
        data = {
            "gas_concentration": (timed, self.frames),
            "toxic_dose_rate": (timed, self.rates),
            "gas_severity": (timed, self.severity),
            "max_gas_severity": (space, self.history.worst.astype(np.float32)),
            "max_gas_concentration": (space, self.highest.astype(np.float32)),
            "outdoor_dose": (space, self.dose.astype(np.float32)),
            "indoor_dose": (space, rooms.dose.astype(np.float32)),
            "stay_or_leave": (("block",), choice),
            "leave_before": (("block",), leave),
            "advice_from": (("block",), told["known_s"].to_numpy(float)),
        }
        if self.model.outflow != "sudden":
            data["peak_gas_concentration"] = (space, (peak_factor(PEAK_S) * self.highest).astype(np.float32))
        if self.model.wind_members:
            data |= {v.name: (space, shares[k].astype(np.float32)) for k, v in enumerate(LIKELY[:2])}
        if self.found is not None:
            data["source_share"] = (space, self.found.share_on(self.grid))
        if self.flammable:
            data["flammable_share"] = (space, (self.highest / self.flammable).astype(np.float32))
            if self.model.wind_members:
                data["probability_flammable"] = (space, shares[2].astype(np.float32))
        block = told["id"].to_numpy(str) if len(told) else np.zeros(0, "<U1")
        coords = {"time": self.clock.times.values, "y": self.grid.y, "x": self.grid.x, "block": block}
        return xr.Dataset(data, coords=coords).merge(self.streets.fields())

    def _harm(self, rooms: advice.Indoors, family: Family | None) -> dict[str, Any]:
        """Return the toxic load and what it does by the family chosen, outdoors and in rooms; nothing where there is no family."""
        if family is None:
            return {}
        n, unit = self.history.count, self.tanks.substance.kg_m3(1.0) if family.ppm else 1e-6
        outside = self.history.frames[:n].reshape(n, -1)[:, rooms.cells]
        name, found = "slot_share" if family.slot else "lethal_share", {}
        for where, c in (("", outside), ("_indoors", rooms.means(self.history.frame_s))):
            load = np.zeros(self.grid.shape)
            load.flat[rooms.cells] = family.load_of(c, self.history.frame_s, unit)
            found[f"toxic_load{where}"] = (("y", "x"), load.astype(np.float32))
            found[f"{name}{where}"] = (("y", "x"), family.response(load).astype(np.float32))
        return found

    def _zones(self, shares: Any, sources: list[tuple[float, float]]) -> dict[str, pd.DataFrame]:
        """Return the zones that wind members reach; none without members."""
        if not self.model.wind_members:
            return {}
        levels = ["AEGL-2", "AEGL-3", *(["LFL/2"] if self.flammable else [])]
        return {"zones": zones(self.grid, dict(zip(levels, shares, strict=False)), sources)}

    def _mass(self) -> tuple[float, float, float]:
        ledger = self.tanks.ledger()
        return ledger["out"], self.near.airborne_kg, ledger["pools"]

    def _masses(self) -> pd.DataFrame:
        """Return at each output time what has left the tanks, what is in the air and what lies in pools, kg."""
        return pd.DataFrame(self.masses, columns=["out_kg", "air_kg", "pool_kg"]).assign(time=self.clock.times)

    def _limits(self) -> pd.DataFrame:
        """Return the limits that were used, kg m-3: a row per level, a column per window (s)."""
        table = pd.DataFrame(self.limits.table(), columns=[f"{s:.0f}" for s in WINDOWS_S])
        return table.assign(level=[1, 2, 3])

    def _balance(self) -> Balance:
        after = self.tanks.ledger()
        return Balance(
            unit="kg",
            came_in={"tanks": after["out"] - self.before["out"]},
            went_out={
                "out_of_sight": self.lost - self.lost_before,
                "washed_out": after["washed"] - self.before["washed"],
                "deposited": self.taken - self.taken_before,
            },
            stored={
                "air": self.near.airborne_kg - self.before["air"],
                "pools": after["pools"] - self.before["pools"],
            },
            tolerance=TOLERANCE,
            remarks=({} if np.isnan(after["in_tanks"]) else {"left_in_tanks": after["in_tanks"]})
            | {"pieces": float(len(self.cloud.mass))},
        )

    def _state(self, settings: dict[str, str | float]) -> State:
        arrays = self.cloud.arrays() | self.tanks.arrays() | self.history.arrays() | self.shares.arrays()
        arrays |= self.weather.arrays() | {"c": self.c, "highest": self.highest, "dose": self.dose}
        arrays |= (
            self.near.arrays()
            | self.streets.arrays()
            | self.rooms.arrays()
            | (self.water.arrays() if self.water else {})
        )
        numbers = {
            "elapsed_s": self.elapsed + self.clock.duration_s,
            "number": float(self.number),
            "lost_kg": self.lost,
            "taken_kg": self.taken,
            "widest": self.widest,
        }
        return State("release", self.grid.hash, arrays, numbers, settings)
