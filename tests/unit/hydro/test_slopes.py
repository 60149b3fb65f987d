"""Rain and thin water on slopes: what the schemes move, what they say of it, and what dry ground costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hydro import ArrayRun, Boundary, Inflow, simulate_arrays
from hydro.arrays import FAST_SHARE
from hydro.proofs.slopes import MM_H, Plane, hydrograph
from hydro.schemes.inertial import Inertial
from hydro.schemes.shallow import Shallow


@pytest.mark.parametrize(
    "plane",
    [
        Plane(0.01, 0.1, 200.0, 5.0, 60.0 * MM_H, 2400.0),  # friction so stiff that the old scheme swung
        Plane(0.1, 0.02, 400.0, 5.0, 100.0 * MM_H, 900.0),  # Froude 2.4 on 15 mm
        Plane(0.6, 0.03, 200.0, 2.0, 30.0 * MM_H, 600.0),  # steeper than CLIFF
    ],
)
def test_an_inertial_plane_rises_as_the_exact_one(plane: Plane) -> None:
    found = hydrograph(plane, "inertial")
    assert found["half"] <= 0.05 and found["peak"] <= 0.05, found


def test_a_film_oblique_to_the_grid_comes_near_the_exact_depth() -> None:
    """Steady rain on a plane that falls along the diagonal: h = (i x n / sqrt(S))^(3/5), x the way from the upper walls."""
    slope, n, cell, rain, count = 0.05, 0.03, 5.0, 60.0 * MM_H, 40
    y, x = np.mgrid[:count, :count]
    z = 100.0 - slope * cell * (x + y) / 2**0.5
    z[-1], z[:, -1] = z[-1] - 5.0, z[:, -1] - 5.0
    run = simulate_arrays(
        z, n, [rain], [0.0], cell_m=cell, duration_s=900.0, scheme="inertial", dtype="float64",
        boundaries=[Boundary("east", "free"), Boundary("south", "free")],
    )  # fmt: skip
    way = (np.minimum(x, y) + 0.5) * cell * 2**0.5
    exact = (rain * way * n / slope**0.5) ** 0.6
    inside = (np.abs(x - y) > 4) & (np.minimum(x, y) > 5) & (np.maximum(x, y) < count - 4)
    off = (run.depth / exact)[inside] - 1.0
    assert np.sqrt((off**2).mean()) < 0.08, "each face knows its own way alone: 0.06 here, 0.001 under the full scheme"
    assert run.fast_share < 0.01


def test_a_torrent_thinner_than_5_cm_counts_as_held() -> None:
    """Smooth ground on cells of 1 m: momentum, not friction, rules 2 cm of water, so the scheme holds it and says so."""
    z = np.tile(10.0 - 0.02 * np.arange(120), (3, 1))
    job: dict[str, Any] = {
        "cell_m": 1.0, "duration_s": 120.0, "inflows": [Inflow(i, 0, [0.0], [0.02]) for i in range(3)],
        "boundaries": [Boundary("east", "free")],
    }  # fmt: skip
    held = simulate_arrays(z, 0.01, scheme="inertial", **job)
    assert held.max_depth[:, 20:].max() < 0.05 and held.fast_share > 0.9
    auto = simulate_arrays(z, 0.01, **job)
    assert auto.scheme == "full" and auto.fast_share > FAST_SHARE


@pytest.mark.parametrize(
    "plane",
    [
        Plane(0.01, 0.1, 200.0, 5.0, 60.0 * MM_H, 2400.0),
        Plane(0.1, 0.02, 400.0, 5.0, 100.0 * MM_H, 900.0),
        Plane(0.002, 0.03, 400.0, 5.0, 60.0 * MM_H, 3600.0),  # as deep as the bed falls across a coarse cell
        Plane(0.6, 0.03, 200.0, 2.0, 30.0 * MM_H, 600.0),
    ],
)
def test_a_subgrid_plane_rises_as_the_exact_one(plane: Plane) -> None:
    """Coarse cells of 20 m (8 m on the last plane), of which each plane has at least ten."""
    found = hydrograph(plane, "subgrid")
    assert found["half"] <= 0.05 and found["peak"] <= 0.05, found


def test_a_rough_slope_under_the_subgrid_scheme_answers_as_the_fine_grid_does() -> None:
    """3 cm of roughness and a valley across the fall: the mean stay of the water, from rain and outflow alone."""
    y, x = np.mgrid[:24, :60]
    z = 20.0 - 0.15 * x + 0.1 * np.abs(y - 11.5) + 0.03 * np.random.default_rng(1).standard_normal(x.shape)
    stay = {}
    for scheme in ("inertial", "subgrid"):
        run = simulate_arrays(
            z, 0.03, [60.0 * MM_H, 0.0], [0.0, 1200.0], cell_m=5.0, duration_s=3600.0, scheme=scheme, every_s=30.0,
            boundaries=[Boundary("east", "free")],
        )  # fmt: skip
        stay[scheme] = float((run.probe_s * run.outflow_m3_s).sum() / run.outflow_m3_s.sum()) - 600.0
    assert stay["subgrid"] == pytest.approx(stay["inertial"], rel=0.2)


def pool(dry: int) -> tuple[Shallow, np.ndarray]:
    """Return the full scheme on a rough bowl of 40 x 40 cells with `dry` cells of dry ground around it, and where the bowl lies."""
    y, x = np.mgrid[:40, :40]
    bowl = 0.02 * ((x - 19.5) ** 2 + (y - 19.5) ** 2) + np.random.default_rng(1).uniform(0.0, 0.1, (40, 40))
    z = np.pad(bowl, dry, mode="edge") if dry else bowl
    water = Shallow(z, 0.03, 2.0, dtype="float64")
    depth = np.where((x < 20) & (bowl < 3.0), 3.0 - bowl, 0.0).clip(min=0.0)
    water.fill(np.pad(depth, dry))
    inside = np.zeros(z.shape, bool)
    inside[dry : dry + 40, dry : dry + 40] = True
    return water, inside


def test_dry_ground_changes_nothing_under_the_full_scheme() -> None:
    """A dam breaks in a bowl; 99 % of the larger raster stays dry."""
    small, large = pool(0), pool(160)
    for _ in range(3):
        for water, _ in (small, large):
            water.advance(10.0)
    here, there = small[0].h, large[0].h[large[1]].reshape(40, 40)
    np.testing.assert_array_equal(here, there)
    assert np.count_nonzero(large[0].h) == np.count_nonzero(there) and (here > 0).mean() > 0.3


def test_ground_that_was_wet_and_dried_takes_water_again() -> None:
    """A cell that soil or pumps empty between two calls is dry for the full scheme, and floods as if for the first time."""
    water, _ = pool(4)
    water.advance(20.0)
    water.h[:], water.u[:], water.v[:] = 0.0, 0.0, 0.0
    again, _ = pool(4)
    water.fill(again.h)
    water.advance(20.0), again.advance(20.0)
    np.testing.assert_array_equal(water.h, again.h)


def hill(**changes: Any) -> ArrayRun:
    """Return rain of 20 minutes on a plane with an open foot, and what changes it."""
    z = np.tile(0.05 * 5.0 * np.arange(30)[::-1], (4, 1))
    job: dict[str, Any] = {
        "rain_m_s": [60.0 * MM_H, 0.0], "rain_s": [0.0, 1200.0], "cell_m": 5.0, "duration_s": 2400.0,
        "boundaries": [Boundary("east", "free")], "dtype": "float64",
    }  # fmt: skip
    return simulate_arrays(z, 0.03, **(job | changes))


@pytest.mark.parametrize("scheme", ["inertial", "full", "subgrid"])
def test_the_outflow_is_given_in_time_and_adds_up_to_what_left(scheme: str) -> None:
    run = hill(scheme=scheme)
    assert run.outflow_m3_s.shape == run.probe_s.shape and run.outflow_m3_s[0] == 0.0
    left = (run.outflow_m3_s[1:] * np.diff(run.probe_s)).sum()
    assert left == pytest.approx(run.volume_out, rel=1e-9) and run.volume_out > 0.9 * run.volume_in
    steady = 60.0 * MM_H * 30 * 4 * 25.0
    assert run.outflow_m3_s[run.probe_s == 1200.0] == pytest.approx(steady, rel=0.01)


def test_rain_may_be_left_out() -> None:
    run = simulate_arrays(np.zeros((4, 4)), 0.03, cell_m=5.0, duration_s=60.0, depth=np.full((4, 4), 0.2))
    assert run.volume_in == 0.0 and run.depth == pytest.approx(0.2)


def test_what_flows_holds_from_its_time_and_what_stands_runs_straight() -> None:
    """Rain, an inflow and the flow of a side say 0.1 from 60 s to 120 s: nothing before, nothing after. A stage is linear."""
    flat = np.zeros((5, 8))
    times, values = [60.0, 120.0], [0.1, 0.0]
    rate = 0.1 / flat.size / 25.0
    for job in (
        {"rain_m_s": [rate, 0.0], "rain_s": times},
        {"inflows": [Inflow(2, 2, times, values)]},
        {"boundaries": [Boundary("west", "flow", times, values)]},
    ):
        assert simulate_arrays(flat, 0.03, cell_m=5.0, duration_s=240.0, **job).volume_in == pytest.approx(6.0)
    stage = Boundary("west", "stage", [60.0, 660.0], [1.0, 2.0])
    run = simulate_arrays(
        flat, 0.03, cell_m=5.0, duration_s=900.0, depth=np.full(flat.shape, 1.0), boundaries=[stage], probes=[(2, 0)],
        scheme="inertial",
    )  # fmt: skip
    level = run.probe_depth[:, 0]
    assert level[run.probe_s == 60.0] == pytest.approx(1.0) and level[run.probe_s == 360.0] == pytest.approx(1.5)
    assert level[-1] == pytest.approx(2.0)


def test_flow_at_rest_has_no_share_of_held_water() -> None:
    water = Inertial(np.zeros((6, 6)), 0.03, 5.0)
    water.fill(1.0)
    water.advance(60.0)
    assert water.fast_share() == 0.0
