"""Exchange with the drains: capture laws, surcharge, balance, roofs, actions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import scenarios as sc
from hydro.flood import Flood
from hydro.kernels.exchange import exchange
from hydro.kernels.inertial import GRAVITY
from twin.clock import Clock
from twin.errors import SourceError
from twin.hazard import Action


def one_manhole(depth: float, head: float, rim: float = 10.0, share: float = 1.0):
    h, z = np.full((1, 1), depth), np.full((1, 1), 10.0)
    volume, one = np.zeros(1), np.ones(1)
    exchange(volume, h, z, np.zeros(1, int), np.zeros(1, int), np.array([head]), np.array([rim]), 4.8 * one, 0.3 * one, 0.385 * one,
             4.0 * one, share * one, 100.0, 0.56, 0.65, 5.0)  # fmt: skip
    return volume[0], h[0, 0]


def test_shallow_water_falls_in_over_a_weir_and_deep_water_through_the_grate() -> None:
    shallow, _ = one_manhole(0.02, 8.0)
    assert shallow == pytest.approx(5.0 * 0.56 * 2 / 3 * 4.8 * (2 * GRAVITY) ** 0.5 * 0.02**1.5)
    deep, _ = one_manhole(1.0, 8.0)
    assert deep == pytest.approx(5.0 * 0.65 * 0.3 * (2 * GRAVITY * 1.0) ** 0.5)


def test_a_blocked_inlet_takes_its_share_and_never_more_than_there_is() -> None:
    full, _ = one_manhole(0.02, 8.0)
    half, _ = one_manhole(0.02, 8.0, share=0.5)
    assert half == pytest.approx(full / 2)
    assert one_manhole(0.02, 8.0, share=0.0) == (0.0, 0.02)
    volume, left = one_manhole(1e-4, 8.0)
    assert left >= 0 and volume <= 1e-4 * 100.0


def test_a_surcharged_manhole_spills_what_is_ponded_at_most() -> None:
    volume, depth = one_manhole(0.0, 10.5)
    assert volume == pytest.approx(-min(5.0 * 0.65 * 0.385 * (2 * GRAVITY * 0.5) ** 0.5, 0.5 * 4.0))
    assert depth == pytest.approx(-volume / 100.0)
    assert one_manhole(0.5, 10.5)[0] == pytest.approx(0.0)


@pytest.fixture(scope="module")
def clock() -> Clock:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return Clock(datetime(2026, 6, 20, 18, tzinfo=ZoneInfo("Asia/Shanghai")), 1800.0, 300.0)


def drivers(storm):
    return sc.load(storm).drivers()[0]


def test_drains_lower_the_flood_and_both_ledgers_close(small_city, storm, clock) -> None:
    with_drains = Flood(precision="float64").simulate(small_city, drivers(storm), clock)
    without = Flood(drainage="none", precision="float64").simulate(small_city, drivers(storm), clock)
    assert with_drains.fields["water_depth"].sum() < without.fields["water_depth"].sum()
    book = with_drains.balance
    assert abs(book.error) <= 1e-9
    assert book.remarks["swmm_inflow_m3"] == pytest.approx(book.remarks["swmm_handed_in_m3"], rel=0.01)
    assert book.came_in["rain"] == pytest.approx(
        float(drivers(storm)["rain_rate"][:6].sum()) * 300 * rain_area(small_city), rel=1e-9
    )


def rain_area(city) -> float:
    """Everything rained on except the free rim, whose rain leaves at once."""
    ny, nx = city.grid.shape
    return (ny - 2) * (nx - 2) * city.grid.cell_area_m2


def test_clogged_inlets_and_measures_change_the_water(small_city, storm, clock) -> None:
    open_inlets = Flood(inlet_open_share=1.0).simulate(small_city, drivers(storm), clock)
    clogged = Flood(inlet_open_share=1.0).simulate(
        small_city, drivers(storm), clock, (Action("inlets", "*", 0.0, None, {"open_share": 0.0}),)
    )
    assert clogged.balance.went_out["inlets"] == 0.0 < open_inlets.balance.went_out["inlets"]
    pumped = Flood(precision="float64").simulate(
        small_city, drivers(storm), clock, (Action("pump", "u1", 600.0, None, {"flow_m3_s": 0.3}),)
    )
    assert 0 < pumped.balance.went_out["pumps"] <= 0.3 * 1200 + 1e-6
    assert abs(pumped.balance.error) <= 1e-9


def test_a_barrier_keeps_water_back(small_city, storm, clock) -> None:
    barred = Flood(precision="float64").simulate(
        small_city, drivers(storm), clock, (Action("barrier", "r2", 0.0, None, {"height_m": 3.0}),)
    )
    plain = Flood(precision="float64").simulate(small_city, drivers(storm), clock)
    row, col, _ = small_city.grid.cells([500_500.0], [3_400_000.0 - 255.0])
    assert barred.fields["water_depth"][-1, row[0], col[0]] < plain.fields["water_depth"][-1, row[0], col[0]]


def test_a_drain_model_that_swmm_refuses_is_named_in_its_words(small_city, storm, clock) -> None:
    broken = dataclasses.replace(
        small_city.drains, inp=small_city.drains.inp.replace("C1 CIRCULAR 0.5", "C9 CIRCULAR 0.5")
    )
    with pytest.raises(SourceError, match="ERROR") as error:
        Flood(precision="float64").simulate(dataclasses.replace(small_city, drains=broken), drivers(storm), clock)
    assert error.value.code == "swmm_refused"
    again = Flood(precision="float64").simulate(small_city, drivers(storm), clock)  # the engine is free again
    assert again.balance.remarks["swmm_inflow_m3"] > 0


def test_a_river_above_the_outfall_holds_the_drains_back(small_city, storm, clock) -> None:
    nodes = small_city.drains.nodes.assign(river=small_city.drains.nodes["kind"] == "outfall")
    city = dataclasses.replace(small_city, drains=dataclasses.replace(small_city.drains, nodes=nodes))
    low = drivers(storm).assign(river_stage=("time", np.full(drivers(storm).sizes["time"], 16.0)))
    high = low.assign(river_stage=("time", np.full(low.sizes["time"], 22.0)))
    free = Flood(precision="float64").simulate(city, low, clock).balance
    held = Flood(precision="float64").simulate(city, high, clock).balance
    assert held.went_out["inlets"] < free.went_out["inlets"]
