"""Wind on a grid: the cloud goes where the air of each place goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import xarray as xr

from evacuation.release.proofs.worlds import NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.weather import Weather
from twin.city import City
from twin.clock import Clock

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 1200.0, 300.0)
PUFF = Release(substance="chlorine", site="works/T1", outflow="sudden", mass_kg=500.0, phase="gas", wind_members=0)


@pytest.fixture(scope="module")
def city() -> City:
    return town()


def on_grid(u: np.ndarray, v: np.ndarray) -> dict[str, xr.DataArray]:
    """Return winds (y, x) on nine cells by nine that cover the town and more."""
    x, y = WEST - 125.0 + 250.0 * np.arange(10), NORTH + 125.0 - 250.0 * np.arange(10)
    coords = {"time": CLOCK.times[:1].values, "y": y, "x": x}
    return {
        f"{name}_grid": xr.DataArray(values[None], coords, ("time", "y", "x"))
        for name, values in (("eastward_wind", u), ("northward_wind", v))
    }


def at_end(city: City, drivers: dict[str, xr.DataArray]) -> xr.DataArray:
    return PUFF.simulate(city, drivers, CLOCK).fields["gas_concentration"].isel(time=-1)


def centre(c: xr.DataArray) -> tuple[float, float]:
    """Return the centre of the gas near the ground, m from the north-western corner of the town."""
    share = c / c.sum()
    return float((share * c["x"]).sum()) - WEST, NORTH - float((share * c["y"]).sum())


def test_a_grid_with_one_wind_is_that_wind(city: City) -> None:
    one = at_end(city, wind(CLOCK, {0.0: (1.2, 0.5)}))
    same = at_end(city, on_grid(np.full((10, 10), 1.2), np.full((10, 10), 0.5)))
    np.testing.assert_allclose(same, one, rtol=1e-6, atol=1e-15)


def test_a_cloud_turns_with_the_air(city: City) -> None:
    """East in the western half of the town, then north: the puff goes round the corner."""
    x = np.arange(10)[None, :] * np.ones((10, 1))
    east = np.where(x < 3, 1.5, 0.0)
    there = centre(at_end(city, on_grid(east, 1.5 - east)))
    straight = centre(at_end(city, on_grid(np.full((10, 10), 1.5), np.zeros((10, 10)))))
    assert abs(straight[1] - 1010.0) < 20.0 and straight[0] > 1000.0, "the tank stands 300 m east and 1010 m south"
    assert there[0] < 800.0 and there[1] < 800.0


def test_a_cloud_goes_round_in_air_that_turns(city: City) -> None:
    """In air that turns like a disc about the town's middle a puff keeps its distance from there."""
    x, y = 250.0 * np.arange(10) - 125.0 - 1000.0, 1000.0 - (250.0 * np.arange(10) - 125.0)
    turning = 1.5 / 700.0
    drivers = on_grid(-turning * y[:, None] * np.ones(10), turning * x[None, :] * np.ones((10, 1)))
    c = PUFF.simulate(city, drivers, CLOCK).fields["gas_concentration"].isel(time=1)
    gone = centre(c)
    assert np.hypot(gone[0] - 1000.0, gone[1] - 1000.0) == pytest.approx(700.0, rel=0.1)
    assert gone[1] > 1200.0, "it stood in the west, and the air turns against the clock: to the south"


def test_a_place_without_wind_is_told_as_calm(city: City) -> None:
    u = np.full((10, 10), 2.0)
    u[:, 5:] = 0.1
    told = dict(PUFF.simulate(city, on_grid(u, np.zeros((10, 10))), CLOCK).notes)
    assert "calm" in told and "wind_mean" in told


def test_a_stability_class_stands_for_sun_and_cloud(city: City) -> None:
    """Neutral D has no 1 / L; the steadier the air, the more gas is left along the way."""
    blowing = wind(CLOCK, {0.0: (1.5, 0.0)})
    bent = [Weather(city, blowing, CLOCK, name).at(0.0).inv_l for name in "ABCDEF"]
    assert bent == sorted(bent) and bent[3] == 0.0 and bent[0] < 0.0 < bent[5]
    most = []
    for name in ("B", "D", "F"):
        run = replace(PUFF, pasquill=name).simulate(city, blowing, CLOCK)
        told = dict(run.notes)
        assert told["pasquill"] == {"name": name} and "assumed_cloud_cover" not in told
        most.append(float(run.fields["gas_concentration"].isel(time=2).max()))
    assert most == sorted(most)
