"""From the readings of the city's gas detectors to a source that a run can start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from evacuation.release.locate.readings import Readings
from evacuation.release.substances import Substance, table_of
from evacuation.release.weather import Air, Weather
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.grid import Grid
from twin.hazard import Drivers

if TYPE_CHECKING:
    from evacuation.release.locate.posterior import Posterior

Array = NDArray[np.float64]

#: Height of a detector over the ground, m: assumed.
DETECTOR_M = 1.5

#: A detector notices the gas at this share of its highest reading.
NOTICED = 0.1

#: The most sources that are looked for, and the fewest readings with which more than one is.
MOST, MANY = 2, 24

#: Sources that give fewer of the readings than this within a factor of two explain them badly: the error of a reading that the search
#: begins with (half of the plume, Student's t with 4 degrees of freedom) puts three quarters there. Assumed.
FITS = 2.0 / 3.0

#: Columns of the ends of a detector's path, m; both ends of a detector at a point are its place.
ENDS = ["x0", "y0", "x1", "y1"]

#: What detectors may read.
QUANTITIES = ("detector_concentration", "detector_volume_share", "detector_lfl_share")

#: A tank is named as a possible source for samples within this distance, m.
NEAR_M = 100.0


@dataclass(frozen=True)
class Found:
    """The source: `posterior`; `began_s` and `known_s` on the clock: when the gas was let go, when the last reading was taken.

    `readings` and `sensors`: how many there are; `faults`: the detectors that were not believed, see `faults.faults`; `silent`: those
    that never read any gas; `gas` what they read.
    """

    posterior: Posterior
    began_s: float
    known_s: float
    readings: int
    sensors: int
    faults: pd.DataFrame
    silent: tuple[str, ...]
    gas: Substance

    def radii(self, share: float = 0.9) -> list[float]:
        """Return of each source how far from its middle a share of its samples lies, m."""
        places = zip(self.posterior.sources, self.posterior.places, strict=True)
        return [float(np.hypot(own["x"] - x, own["y"] - y).quantile(share)) for own, (x, y) in places]

    def draws(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return of `count` samples drawn, after the middle: shifts (source, 1 + count, 2), m, and how many times as strong."""
        drawn = rng.integers(len(self.posterior.samples), size=count)
        shifts, strengths = [], []
        for own, place in zip(self.posterior.sources, self.posterior.places, strict=True):
            rows = own.iloc[drawn]
            shifts.append(np.vstack([np.zeros((1, 2)), rows[["x", "y"]].to_numpy(float) - np.array(place)]))
            strengths.append(np.append(1.0, rows["rate"].to_numpy(float) / float(own["rate"].median())))
        return np.array(shifts), np.array(strengths)

    def share_on(self, grid: Grid) -> NDArray[np.float32]:
        """Return the share of the samples of all sources that lie in each cell (y, x)."""
        samples = pd.concat(self.posterior.sources)
        row, col, inside = grid.cells(samples["x"], samples["y"])
        count = np.bincount((row * grid.nx + col)[inside], minlength=grid.nx * grid.ny)
        return (count / len(row)).reshape(grid.shape).astype(np.float32)

    def tables(self, city: City) -> dict[str, pd.DataFrame]:
        """Return `source`, quantiles of x, y (m) and rate (kg/s) and how far 90 % of its places lie from the middle (`radius_m`),
        `suspects`, the tanks that may be it, `elsewhere`, where to look beside them, faults of `detectors`, and the `fit`: how well it
        explains the readings, and whether the search is a guess (`guessed`), and the detectors that never read gas (`silent`).

        A second source stands below the first, with the `number` 2.
        """
        found = [
            own.quantile([0.05, 0.5, 0.95]).assign(number=n + 1, radius_m=radius)
            for n, (own, radius) in enumerate(zip(self.posterior.sources, self.radii(), strict=True))
        ]
        source = pd.concat(found).rename_axis("share").reset_index()
        within = self.posterior.within_two
        fit = pd.DataFrame(
            {
                "within_two": [within],
                "poor": [within < FITS],
                "guessed": [bool(self.posterior.guessed)],
                "silent": [", ".join(self.silent)],
            }
        )
        return {
            "source": source,
            "suspects": self.suspects(city),
            "elsewhere": self.elsewhere(city),
            "detectors": self.faults,
            "fit": fit,
        }

    def notes(self) -> list[tuple[str, dict[str, Any]]]:
        """Say how sure the source is, which detectors were not believed, and where the search is a guess."""
        rates = [own["rate"].quantile([0.05, 0.95]) for own in self.posterior.sources]
        said: dict[str, Any] = {"count": self.readings, "sensors": self.sensors, "radius": round(max(self.radii()))}
        limits = {"low": min(float(r.iloc[0]) for r in rates), "high": max(float(r.iloc[1]) for r in rates)}
        told: list[tuple[str, dict[str, Any]]] = [("detected", said | limits)]
        if len(rates) > 1:
            told.append(("detected_several", {"count": len(rates)}))
        for name, rows in self.faults.groupby("fault", sort=True):
            told.append(
                (f"detector_{name}", {"sensors": sorted(set(rows["sensor"])), "count": int(rows["readings"].sum())})
            )
        if self.silent:
            told.append(("detectors_silent", {"sensors": list(self.silent)}))
        if self.posterior.within_two < FITS:
            told.append(("search_poor", {"share": self.posterior.within_two}))
        if self.posterior.guessed:
            told.append(("search_guessed", {}))
        elif self.posterior.left_out:
            told.append(("search_left_out", {"count": self.posterior.left_out}))
        return told

    def elsewhere(self, city: City) -> pd.DataFrame:
        """Return each source that more likely than not is no tank that the city knows, by the road (else block) nearest to its middle.

        `id` of that place, `away_m` how far from it the middle lies, `radius_m` how far from the middle 90 % of the samples do; the
        `share` of samples with no tank near. None in a city with neither road nor block.
        """
        places, tanks, rows = city.roads if len(city.roads) else city.blocks, _middles(_tanks(city, self.gas)), []
        for own, (x, y), radius in zip(self.posterior.sources, self.posterior.places, self.radii(), strict=True):
            away = np.hypot(own["x"].to_numpy()[:, None] - tanks[:, 0], own["y"].to_numpy()[:, None] - tanks[:, 1])
            share = float((away.min(axis=1, initial=np.inf) > NEAR_M).mean())
            if share > 0.5 and len(places):
                far = places.geometry.distance(shapely.Point(x, y))
                rows.append((str(places["id"].loc[far.idxmin()]), share, radius, float(far.min())))
        return pd.DataFrame(rows, columns=["id", "share", "radius_m", "away_m"]).drop_duplicates(
            "id", ignore_index=True
        )

    def suspects(self, city: City) -> pd.DataFrame:
        """Return the tanks that lie near samples and may hold the gas: `id` and the `share` of samples to which none is nearer.

        The likeliest first.

        Each source has its samples, so the shares of two sources add up to 2 at most.
        """
        tanks = _tanks(city, self.gas)
        if not len(tanks):
            return pd.DataFrame({"id": [], "share": []})
        at = _middles(tanks)
        samples = pd.concat(self.posterior.sources)[["x", "y"]].to_numpy(float)
        away = np.hypot(*(samples[:, None, :] - at[None, :, :]).transpose(2, 0, 1))
        nearest, near = away.argmin(axis=1), away.min(axis=1) <= NEAR_M
        shares = np.bincount(nearest[near], minlength=len(tanks)) / len(self.posterior.samples)
        table = pd.DataFrame({"id": tanks["id"].astype(str).values, "share": shares})
        return table[table["share"] > 0.0].sort_values("share", ascending=False, ignore_index=True)


def detected(
    city: City,
    drivers: Drivers,
    clock: Clock,
    weather: Weather,
    gas: Substance,
    height_m: float,
    rng: np.random.Generator,
) -> Found:
    """Return the source, `height_m` over the ground, that explains what the city's gas detectors read in this run.

    Raises ScenarioError where no detector reads anything, or no source can be found.
    """
    # These bring libraries that are slow to come, and most sources are known.
    from evacuation.release.locate.faults import believed, faults
    from evacuation.release.locate.posterior import locate

    table = _table(city, drivers, clock, gas)
    found = faults(table)
    table = believed(table, found)
    count, sensors = len(table), int(table["sensor"].nunique())
    if not len(table) or not (table["value"] > table["least"]).any():
        raise ScenarioError("release_nothing_believed" if len(found) else "release_no_readings")
    heard = (table["value"] > table["least"]).groupby(table["sensor"]).any()
    worst = table.loc[table["value"].idxmax()]
    first = _readings(table, clock, weather, float(worst["x"]), float(worst["y"]), height_m)
    west, south, east, north = city.grid.bounds
    most = MOST if len(first) >= MANY else 1
    posterior = locate(
        first, (west, south, east, north), rng, suspects=_middles(_tanks(city, gas)), background=0.0, most=most
    )
    noticed = table[table["value"] >= NOTICED * table["value"].max()].iloc[0]
    speed = weather.at(float(noticed["time_s"])).wind
    away = min(float(np.hypot(noticed["x"] - x, noticed["y"] - y)) for x, y in posterior.places)
    began = float(noticed["time_s"]) - away / speed
    return Found(
        posterior, max(began, 0.0), float(table["time_s"].max()), count, sensors, found, tuple(heard.index[~heard]), gas
    )


def check_sensors(city: City, drivers: Drivers, gas: Substance) -> None:
    """Raise ScenarioError for a detector with readings that stands outside the city, or whose path is not one straight line.

    And for shares of a flammable limit of a gas whose table has none.
    """
    if QUANTITIES[-1] in drivers and gas.flammable_kg_m3 is None:
        raise ScenarioError("release_no_lfl", name=gas.id)
    places = city.sensors.set_index(city.sensors["id"].astype(str)).geometry
    for name in QUANTITIES:
        for sensor in (str(s) for s in drivers[name]["sensor"].values) if name in drivers else ():
            if places[sensor].geom_type == "LineString" and (bends := len(places[sensor].coords) - 2):
                raise ScenarioError("release_sensor_bent", sensor=sensor, found=bends)
            for x, y in _ends(places[sensor]).reshape(2, 2):
                if not bool(city.grid.cells([x], [y])[2][0]):
                    raise ScenarioError(
                        "release_sensor_outside", sensor=sensor, x=round(x), y=round(y), expected=city.id
                    )


def _ends(place: shapely.Geometry) -> Array:
    """Return x, y of both ends of the path that a detector looks along, m: those of a line, else twice the middle of what it is."""
    line = place if place.geom_type == "LineString" else shapely.LineString([place.centroid] * 2)
    return np.asarray(shapely.get_coordinates(line)[[0, -1]].ravel())


def _tanks(city: City, gas: Substance) -> gpd.GeoDataFrame:
    """Return the tanks that hold the substance, or of which the city does not say what they hold."""
    tanks = city.facilities[(city.facilities["kind"] == "tank").values]
    held = tanks["substance"] if "substance" in tanks else pd.Series(None, index=tanks.index)
    own = [pd.isna(name) or table_of(str(name), city.substances) == gas.id for name in held]
    return tanks[own]


def _middles(tanks: gpd.GeoDataFrame) -> Array:
    """Return where tanks stand (tank, 2), m."""
    return np.column_stack([tanks.geometry.centroid.x, tanks.geometry.centroid.y])


def _table(city: City, drivers: Drivers, clock: Clock, gas: Substance) -> pd.DataFrame:
    """Return a row per reading in time order: time_s, sensor, x, y, value, the detector's `least` and `most` (kg m-3), and ENDS.

    x, y: the middle of the path between the ends; a reading is the mean along it. `least` and `most` are those of the columns
    `least_kg_m3` and `most_kg_m3` of the city's sensors, where it has them.
    """
    check_sensors(city, drivers, gas)
    units = dict(zip(QUANTITIES, (1.0, gas.kg_m3(1e6), gas.flammable_kg_m3 or np.nan), strict=True))
    known = city.sensors.set_index(city.sensors["id"].astype(str))
    places = known.geometry
    limits = {
        name: known[f"{name}_kg_m3"].fillna(none) if f"{name}_kg_m3" in known else pd.Series(none, index=known.index)
        for name, none in (("least", 0.0), ("most", np.inf))
    }
    rows = []
    for name, unit in units.items():
        if name not in drivers:
            continue
        field = drivers[name].transpose("time", "sensor")
        for k, sensor in enumerate(str(s) for s in field["sensor"].values):
            path = _ends(places[sensor])
            for moment, value in zip(field["time"].values, field.values[:, k], strict=True):
                if np.isfinite(value * unit):
                    scale = (float(limits["least"][sensor]), float(limits["most"][sensor]))
                    middle = 0.5 * (path[:2] + path[2:])
                    rows.append((clock.seconds(moment), sensor, *middle, float(value * unit), *scale, *path))
    columns = ["time_s", "sensor", "x", "y", "value", "least", "most", *ENDS]
    return pd.DataFrame(rows, columns=columns).sort_values(["time_s", "sensor"], ignore_index=True)


def _readings(table: pd.DataFrame, clock: Clock, weather: Weather, x: float, y: float, height_m: float) -> Readings:
    """Return the readings with the wind of their moments, of a source `height_m` high over the roughness of a place."""
    airs = {t: weather.at(t) for t in table["time_s"].unique()}
    own = [airs[t] for t in table["time_s"]]
    z0, _ = _ground(own[0], x, y)
    return Readings(
        sensor=pd.factorize(table["sensor"])[0],
        time_s=table["time_s"].to_numpy(float),
        value=table["value"].to_numpy(float),
        ends=table[ENDS].to_numpy(float),
        z=np.full(len(table), DETECTOR_M),
        east=np.array([a.east for a in own]),
        north=np.array([a.north_ward for a in own]),
        speed=np.array([a.wind for a in own]),
        ustar=np.array([_ground(a, x, y)[1] for a in own]),
        inv_l=np.array([a.inv_l for a in own]),
        lateral=np.array([a.lateral for a in own]),
        least=np.where(table["least"] > 0.0, table["least"], -np.inf),
        most=table["most"].to_numpy(float),
        z0=z0,
        height=height_m,
        highest=own[0].highest_m,
    )


def _ground(air: Air, x: float, y: float) -> tuple[float, float]:
    """Return roughness (m) and u* (m s-1) at a place."""
    rows, cols = air.z0.shape
    row = min(max(int((air.north - y) / air.tile_m), 0), rows - 1)
    col = min(max(int((x - air.west) / air.tile_m), 0), cols - 1)
    return float(air.z0[row, col]), float(air.ustar[row, col])
