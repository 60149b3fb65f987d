"""Venue: people who come to one venue, pass its zones and leave; zones and people are the model's own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from annotated_types import Ge, Gt, Le

from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Balance, Outcome, State
from twin.variables import Unit, Variable, conform

PER_M2 = "m-2"
ZONE = Variable("zone_density", PER_M2, ("time", "zone"), "分区密度", "density in a zone", 0.0, 50.0)
CROWD = Variable("crowd_density", PER_M2, ("time", "y", "x"), "人群密度", "crowd density", 0.0, 50.0)

#: Name of each zone in its order from the gate on, in both languages, and its kind.
ZONES = (
    ("gate", "入口", "gate", "hall_gate"),
    ("hall", "大厅", "hall", "hall_zone"),
    ("stage", "台前", "front of stage", "hall_zone"),
)

#: What a metre of door lets through, persons per second, and at how many a square metre nobody can get in.
PER_METRE, FULL = 1.3, 6.0


@dataclass(frozen=True)
class Venue:
    needs: ClassVar = ()
    reads: ClassVar = ("attendance",)
    gives: ClassVar = ()

    at: str = "v1"
    coming: Annotated[int, Ge(0), Unit("1")] = 9000
    come_in_s: Annotated[float, Gt(0), Unit("s")] = 1200.0
    door_m: Annotated[float, Gt(0), Le(50), Unit("m")] = 6.0
    cell_m: Annotated[float, Gt(0), Unit("m")] = 5.0

    def stands_at(self):
        """Return the place that this one is about, so that there may be several."""
        return self.at

    def zones(self, city):
        """Return the zones: the venue's bounds in three strips from west to east."""
        place = city.place(self.at)
        west, south, east, north = (place if place.area > 0 else place.buffer(30.0)).bounds
        edges = np.linspace(west, east, len(ZONES) + 1)
        name = city.place_name(self.at)
        return gpd.GeoDataFrame(
            {
                "id": [f"{self.at}-{code}" for code, *_ in ZONES],
                "kind": [kind for *_, kind in ZONES],
                "name_zh": [f"{name['zh']}{zh}" for _, zh, _, _ in ZONES],
                "name_en": [f"{name['en']}, {en}" for _, _, en, _ in ZONES],
            },
            geometry=[shapely.box(a, south, b, north) for a, b in pairwise(edges)],
            crs=city.grid.crs,
        )

    def simulate(self, city, drivers, clock, actions=(), rng=None, state=None, progress=None):
        zones, actions = self.zones(city), [a for a in actions if a.place == self.at]
        state = state and state.check("venue", city.grid.hash, {"at": self.at})
        # in order: those still to come, those in each zone, those who left again
        coming = self._coming(drivers)
        if coming > FULL * zones.area.sum():
            raise ScenarioError("venue.too_many", found=coming, expected=int(FULL * zones.area.sum()))
        who = state.arrays["who"].copy() if state else np.array([coming, 0, 0, 0, 0], dtype=np.int64)
        due = state.arrays["due"].copy() if state else np.zeros(len(ZONES) + 1)
        begin, first = who.copy(), state.numbers["since_s"] if state else 0.0
        room = (FULL * zones.area.values).astype(np.int64)
        seen = [who.copy()]
        for k in range(clock.steps):
            for second in range(round(clock.step_s)):
                t = k * clock.step_s + second
                out = any(a.kind == "clear_hall" and a.active(t) for a in actions)
                door = self.door_m + sum(a.values["width_m"] for a in actions if a.kind == "side_door" and a.active(t))
                calm = coming / self.come_in_s if first + t < self.come_in_s else np.inf
                rate = PER_METRE * np.array([min(calm / PER_METRE, self.door_m), door, door / 2.0, 0.0])
                if out:
                    rate = np.array([0.0, 0.0, 0.0, PER_METRE * door])
                _pass_on(who, due, rate, room)
            seen.append(who.copy())
            if progress is not None:
                progress((k + 1) / clock.steps)
        counted = np.array(seen)
        density = counted[:, 1:-1] / zones.area.values
        fields, grid = self._fields(clock, zones, density)
        table = pd.DataFrame(
            {1: counted[:, 0], 2: counted[:, 1:-1].sum(axis=1), 3: counted[:, -1]}, index=clock.times, dtype=float
        )
        peak = pd.DataFrame({"id": zones["id"], "people": counted[:, 1:-1].max(axis=0)})
        came, left = begin[0] - who[0], who[-1] - begin[-1]
        inside = who[1:-1].sum() - begin[1:-1].sum()
        balance = Balance("persons", {"came": float(came)}, {"left": float(left)}, {"inside": float(inside)}, 0.0)
        after = State(
            "venue",
            city.grid.hash,
            {"who": who, "due": due},
            {"since_s": first + clock.duration_s},
            {"at": self.at},
        )
        return Outcome(
            fields,
            {"zones": peak},
            balance.check("venue"),
            after,
            (("counted", {"coming": coming, "cells": grid.ny * grid.nx}),),
            places=zones,
            counts={"people": table},
        )

    def _coming(self, drivers):
        """Return how many come: the most that the forcing says of this venue, where it says anything."""
        if "attendance" not in drivers or self.at not in drivers["attendance"]["place"].values:
            return self.coming
        return int(drivers["attendance"].sel(place=self.at).max())

    def _fields(self, clock, zones, density):
        """Return density by zone and on fine cells over the venue; people stand close to the door to the next zone."""
        west, south, east, north = zones.total_bounds
        ny, nx = int(np.ceil((north - south) / self.cell_m)), int(np.ceil((east - west) / self.cell_m))
        grid = Grid(str(zones.crs), west, north, self.cell_m, ny, nx)
        of = np.clip(np.searchsorted(zones.geometry.bounds["minx"].values, grid.x, side="right") - 1, 0, len(zones) - 1)
        fine = np.repeat(density[:, None, of], ny, axis=1)
        fields = xr.Dataset(
            {"zone_density": (("time", "zone"), density), "crowd_density": (("time", "y", "x"), fine)},
            coords={"time": clock.times.values, "zone": zones["id"].values, "y": grid.y, "x": grid.x},
        )
        return conform(fields, ZONE, CROWD), grid


def _pass_on(who, due, rate, room):
    """Let whole persons pass from each group to the next in a second, as many as the way and the room allow."""
    for k in range(len(rate)):
        due[k] = min(due[k] + rate[k], who[k] + 1.0)
        free = room[k] - who[k + 1] if k < len(room) else who[k]
        go = max(0, min(int(due[k]), int(who[k]), int(free)))
        who[k] -= go
        who[k + 1] += go
        due[k] -= go
