"""The street form of one run: gas in the city's streets step by step, and what people on each road meet.

The cloud is the air above: it drives the boxes and is not changed by them. Gas that is let go in a street goes into its box as well as
into the cloud, as though the cloud had risen at once what the street keeps for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from evacuation.release.cloud import BREATHING_M, Cloud, Emission
from evacuation.release.history import History
from evacuation.release.kernels import loads, street_air
from evacuation.release.streets.facades import Facades, facades_of
from evacuation.release.streets.network import BOX_M, Boxes, network_of
from evacuation.release.streets.wind import mean_speed, wind_in
from evacuation.release.toxicity import Limits
from evacuation.release.weather import Air
from twin import overlay
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.frames import new_frames
from twin.grid import Grid

Array = NDArray[np.float64]
Notes = list[tuple[str, dict[str, Any]]]

#: What a state keeps of the history of roads begins so.
MET = "road_met_"


class Streets(Protocol):
    """What a run asks of its streets."""

    def step(self, cloud: Cloud, air: Air, emissions: list[Emission], dt: float, c: Array) -> None:
        """Carry the gas in the streets on by `dt` s under a cloud that is `c` (y, x) at the ground, kg m-3."""

    def frame(self, step_s: float) -> None:
        """Keep what the roads hold at an output time, `step_s` s after the last."""

    def fields(self) -> xr.Dataset:
        """Return the fields on roads."""

    def rates(self) -> Array | None:
        """Return the dose rate (frame, road), s-1, of each frame since the first run's start; None where no street is followed."""

    def air(self) -> tuple[Array, Array] | None:
        """Return the concentration (frame, road), kg m-3, of each frame and the highest of every step (road,); None as above."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the streets."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""

    def notes(self) -> Notes:
        """Say what the reader must know of the streets."""


class NoStreets:
    """A run without the street form."""

    def step(self, cloud: Cloud, air: Air, emissions: list[Emission], dt: float, c: Array) -> None:
        """Do nothing."""

    def frame(self, step_s: float) -> None:
        """Keep nothing."""

    def fields(self) -> xr.Dataset:
        """Return no field."""
        return xr.Dataset()

    def rates(self) -> Array | None:
        """Return that no street is followed."""
        return None

    def air(self) -> tuple[Array, Array] | None:
        """Return that no street is followed."""
        return None

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return no table."""
        return {}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return nothing."""
        return {}

    def notes(self) -> Notes:
        """Say nothing."""
        return []


class StreetForm:
    """Gas on every road: in a canyon that of its boxes, the fullest of them; on an open road that of the cloud at the ground.

    `flammable`: lower flammable limit, kg m-3, 0 for none. `facades` stand in for those of the city's buildings. Raises ScenarioError
    for a city without roads.
    """

    def __init__(
        self, city: City, grid: Grid, limits: Limits, flammable: float, clock: Clock, frame_s: float, tolerance: float,
        arrays: Mapping[str, NDArray[Any]] | None, facades: Facades | None = None,
    ) -> None:  # fmt: skip
        if not len(city.roads):
            raise ScenarioError("release_streets", city=city.id)
        self._ids, self._grid, self._tolerance = city.roads["id"].to_numpy(str), grid, tolerance
        self._curve, steps = limits.curves[2], clock.steps
        self.facades = facades or facades_of(city)
        net = network_of(city.roads, self.facades.width, self.facades.height, self.facades.canyon, BOX_M)
        self.boxes, self._lines = Boxes(net, arrays), city.roads.geometry.values[net.road]
        self._factor = np.array([mean_speed(h, w) for h, w in zip(net.height, net.width, strict=True)])
        self._middle = shapely.get_coordinates(shapely.line_interpolate_point(self._lines, 0.5, normalized=True))
        # the places at which the cloud is read: boxes at their roofs, then nodes at theirs or, where open, at the ground
        self._x, self._y = np.append(net.box_x, net.node_x), np.append(net.box_y, net.node_y)
        ground = np.append(np.zeros(len(net.box_x), bool), net.open_node)
        roof = np.maximum(
            np.round(np.append(net.height[net.canyon], net.node_height)), 1.0
        )  # to the metre: few heights
        self._levels, self._level = np.unique(np.where(ground, BREATHING_M, roof), return_inverse=True)
        self._row, self._col, self._inside = grid.cells(self._x, self._y)
        self._along = overlay.along_lines(grid, city.roads.geometry)
        kept, none = arrays or {}, np.zeros(len(city.roads))
        self.c, self._rate = np.array(kept.get("road_c", none)), none.copy()
        self.highest = np.array(kept.get("road_highest", none))
        self.dose = np.array(kept.get("road_dose", none))
        self._frames, self._rates = (new_frames(steps + 1, none.shape) for _ in range(2))
        self._frames[0], self._at = self.c, 0
        begun = {name[len(MET) :]: values for name, values in kept.items() if name.startswith(MET)}
        frames = round(clock.duration_s / frame_s)
        self._met = History((1, len(city.roads)), limits, flammable, frame_s, frames, begun or None)
        self._severity = new_frames(steps + 1, none.shape)
        self._severity[0] = self._met.severity[0]
        self._box_at: dict[tuple[float, float], int | None] = {}

    def step(self, cloud: Cloud, air: Air, emissions: list[Emission], dt: float, c: Array) -> None:
        """Carry the gas in the streets on by `dt` s under a cloud that is `c` (y, x) at the ground, kg m-3."""
        net, boxes = self.boxes.network, self.boxes
        boxes.blow(wind_in(air, self._middle[:, 0], self._middle[:, 1], net.height, self._factor))
        source = np.zeros(len(boxes.c))
        for emission in emissions:
            if (box := self._box_of(emission)) is not None:
                if emission.kg_s > 0.0:
                    source[box] += emission.kg_s
                else:
                    boxes.put(box, emission.kg)
        around = self._cloud_at(cloud, air, c)
        boxes.advance(dt, source, around[: len(boxes.c)], around[len(boxes.c) :])
        self.c = np.nan_to_num(self._along.maximum(c[None])[0])
        if len(net.road):
            self.c[net.road] = np.maximum.reduceat(boxes.c, net.first_box[:-1])
        np.maximum(self.highest, self.c, out=self.highest)
        self._met.add(self.c[None], dt)
        self._collect(dt)

    def frame(self, step_s: float) -> None:
        """Keep what the roads hold at an output time, `step_s` s after the last."""
        self.dose += self._rate
        self._rates[self._at] = self._rate / step_s
        self._rate[:] = 0.0
        self._at += 1
        self._frames[self._at], self._severity[self._at] = self.c, self._met.severity[0]

    def fields(self) -> xr.Dataset:
        """Return the fields on roads (time, edge) and (edge,); what lies off the grid is not known (NaN)."""
        self._collect(1.0)
        self._rates[self._at] = self._rate
        self._rate[:] = 0.0
        timed = ("time", "edge")
        fields = {
            "street_concentration": (timed, self._frames),
            "street_dose_rate": (timed, self._rates),
            "max_street_concentration": (timed[1:], self.highest.astype(np.float32)),
            "street_dose": (timed[1:], self.dose.astype(np.float32)),
            "street_severity": (timed, self._severity),
            "max_street_severity": (timed[1:], self._met.worst[0].copy()),
        }
        for _, values in fields.values():
            values[..., self._along.outside] = np.nan
        return xr.Dataset(fields, {"edge": self._ids})

    def rates(self) -> Array | None:
        """Return the dose rate (frame, road), s-1, of each frame since the first run's start; nothing off the grid."""
        met, curve = self._met.frames[: self._met.count, 0], self._curve
        out = np.zeros(met.shape)
        loads.add_load(out[None], met[None], 1.0, curve.log_t, curve.log_c, curve.n_short, curve.n_long)
        return out

    def air(self) -> tuple[Array, Array]:
        """Return the concentration (frame, road), kg m-3, since the first run's start, and the highest of every step (road,)."""
        return self._met.frames[: self._met.count, 0].astype(np.float64), self.highest

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return each road's form, width and height (m), and where the gas in the streets came from and went, kg."""
        balance = self.boxes.balance(self._tolerance).check("release")
        gas = [(f"{way}_{name}", kg) for way, part in (("in", balance.came_in), ("out", balance.went_out), ("in", balance.stored))
               for name, kg in part.items()]  # fmt: skip
        form = np.where(self.facades.canyon, "canyon", "open")
        roads = {"id": self._ids, "form": form, "width_m": self.facades.width, "height_m": self.facades.height}
        return {"streets": pd.DataFrame(roads), "street_gas": pd.DataFrame(gas, columns=["what", "kg"])}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a state keeps."""
        return {
            "street_c": self.boxes.c,
            "street_ledger": self.boxes.ledger,
            "road_c": self.c,
            "road_highest": self.highest,
            "road_dose": self.dose,
            **{f"{MET}{name}": values for name, values in self._met.arrays().items()},
        }

    def notes(self) -> Notes:
        """Say how many roads are canyons, and what the form leaves out."""
        canyons = int(self.facades.canyon.sum())
        return [("streets", {"canyons": canyons, "open": len(self._ids) - canyons})]

    def _collect(self, dt: float) -> None:
        """Add what `dt` s on each road bring."""
        curve, row = self._curve, (None, None)
        loads.add_load(self._rate[row], self.c[row], dt, curve.log_t, curve.log_c, curve.n_short, curve.n_long)

    def _cloud_at(self, cloud: Cloud, air: Air, c: Array) -> Array:
        """Return the cloud's concentration over boxes and at nodes, kg m-3; nothing where it has not come to the ground (c)."""
        out = np.zeros(len(self._x))
        met = ~self._inside | (c[np.where(self._inside, self._row, 0), np.where(self._inside, self._col, 0)] > 0.0)
        if met.any() and (pieces := int(cloud.starts[1])):
            inverse, c_met = np.zeros((pieces, 2, len(self._levels))), np.zeros(int(met.sum()))
            street_air.prepare(inverse, cloud.ends, air.z0, air.west, air.north, air.tile_m, air.inv_l, self._levels)
            drawn = cloud.drawn(air, BREATHING_M)[:pieces]
            street_air.at_heights(c_met, inverse, drawn, self._x[met], self._y[met], self._level[met])
            out[met] = c_met
        return out

    def _box_of(self, emission: Emission) -> int | None:
        """Return the box that a source stands in: between the facades of a canyon and below its roofs; None where there is none."""
        net, place = self.boxes.network, (emission.x, emission.y)
        if place not in self._box_at:
            self._box_at[place] = self._box_around(shapely.Point(place))
        box = self._box_at[place]
        return (
            box if box is not None and max(emission.mean_height, emission.axis) <= net.height[net.canyon[box]] else None
        )

    def _box_around(self, point: shapely.Point) -> int | None:
        net = self.boxes.network
        away = shapely.distance(self._lines, point)
        held = np.flatnonzero(away <= 0.5 * net.width)
        if not len(held):
            return None
        i = int(held[np.argmin(away[held])])
        share = float(shapely.line_locate_point(self._lines[i], point, normalized=True))
        first, last = int(net.first_box[i]), int(net.first_box[i + 1]) - 1
        return min(first + int(share * (last + 1 - first)), last)
