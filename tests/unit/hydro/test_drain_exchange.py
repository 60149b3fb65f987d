"""Exchange with the drains: capture laws, surcharge, balance, roofs, actions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios as sc
from hydro.flood import Flood
from hydro.kernels.exchange import exchange
from hydro.kernels.inertial import GRAVITY
from twin.clock import Clock
from twin.errors import SourceError
from twin.hazard import Action
from twin.readers.swmm_inp import drains_of


def one_manhole(depth, head, rim=10.0, share=1.0, ahead=None, cell=100.0, dtype=np.float64, store=4.0):
    h, z = np.full((1, 1), depth, dtype), np.full((1, 1), 10.0, dtype)
    volume, one, at = np.zeros(1), np.ones(1), np.zeros(1, int)
    ahead = head if ahead is None else ahead
    exchange(volume, h, z, at, at, np.array([head]), np.array([ahead]), np.array([rim]), 4.8 * one, 0.3 * one, 0.385 * one,
             store * one, share * one, cell, 0.56, 0.65, 5.0)  # fmt: skip
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


def test_a_surcharged_manhole_spills_what_its_orifice_passes_at_the_drop_that_is_left() -> None:
    volume, depth = one_manhole(0.0, 10.5)
    left = 10.5 + volume / 4.0 - 10.0 - depth
    assert 0 < left < 0.5 and -volume == pytest.approx(5.0 * 0.65 * 0.385 * (2 * GRAVITY * left) ** 0.5)
    assert depth == pytest.approx(-volume / 100.0)
    assert one_manhole(0.5, 10.5)[0] == pytest.approx(0.0)


def test_a_submerged_inlet_passes_less_and_meets_the_free_one_at_the_ground() -> None:
    free = one_manhole(0.3, 9.0, cell=1e9, store=1e9)[0]
    assert one_manhole(0.3, 10.0, cell=1e9, store=1e9)[0] == pytest.approx(free)
    half = one_manhole(0.3, 10.225, cell=1e9, store=1e9)[0]  # a quarter of the drop
    assert half == pytest.approx(free / 2)


def test_a_manhole_below_its_rim_gives_nothing_even_if_it_is_about_to_rise() -> None:
    assert one_manhole(0.2, 9.9, ahead=10.3)[0] == 0.0


@settings(deadline=None)
@given(
    depth=st.floats(0, 2),
    head=st.floats(7, 13),
    ahead=st.floats(7, 13),
    cell=st.floats(1, 400),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_no_step_passes_the_level_and_the_books_are_exact(depth, head, ahead, cell, dtype) -> None:
    before = float(dtype(depth))
    volume, after = one_manhole(depth, head, ahead=ahead, cell=cell, dtype=dtype)
    assert after >= 0.0 and volume == (before - float(after)) * cell  # what is booked is what the surface lost
    gap = ahead - (10.0 + before)  # of the head to come over the level, before and after the exchange
    left = ahead + volume / 4.0 - (10.0 + float(after))
    rounding = 1e-6 * cell + 1e-9
    assert abs(left) <= abs(gap) + rounding and left * gap >= -rounding


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
    low = {**drivers(storm), "river_stage": xr.full_like(drivers(storm)["rain_rate"], 16.0)}
    high = {**low, "river_stage": xr.full_like(low["rain_rate"], 22.0)}
    free = Flood(precision="float64").simulate(city, low, clock).balance
    held = Flood(precision="float64").simulate(city, high, clock).balance
    assert held.went_out["inlets"] < free.went_out["inlets"]


def test_a_tank_takes_the_water_at_its_place_until_it_is_full(small_city, storm, clock) -> None:
    plain = Flood(drainage="none").simulate(small_city, drivers(storm), clock)
    tank = Action("tank", "u1", 0.0, None, {"volume_m3": 40.0})
    held = Flood(drainage="none").simulate(small_city, drivers(storm), clock, (tank,))
    assert held.balance.stored["tanks"] == pytest.approx(40.0)
    assert abs(held.balance.error) <= 1e-5
    assert plain.fields["water_depth"][-1].sum() * 100 > held.fields["water_depth"][-1].sum() * 100 + 20.0
    first = Flood(drainage="none").simulate(small_city, drivers(storm), clock.first(900.0), (tank,))
    rest = Flood(drainage="none").simulate(small_city, drivers(storm), clock.after(900.0), (tank,), state=first.state)
    assert first.balance.stored["tanks"] + rest.balance.stored["tanks"] == pytest.approx(40.0)


def test_pumps_and_gates_of_the_drain_model_are_places_and_fail_on_time(small_city, storm, clock) -> None:
    text = small_city.drains.inp.replace("C3 J3 O1 150 0.013 0 0", "C3 J3 G1 150 0.013 0 0")
    text = text.replace("[OUTFALLS]", "G1 18.0 4.0 0 0 0\n[OUTFALLS]").replace(
        "[XSECTIONS]", "[ORIFICES]\nGATE G1 O1 SIDE 0 0.65 NO 0\n[XSECTIONS]\nGATE CIRCULAR 0.8 0 0 0"
    ).replace("[COORDINATES]", "[COORDINATES]\nG1 500800 3399745")  # fmt: skip
    city = dataclasses.replace(small_city, drains=drains_of(text, small_city.grid.crs, "gated"))
    free = Flood().simulate(city, drivers(storm), clock)
    shut = Flood().simulate(city, drivers(storm), clock, (Action("gate", "GATE", 300.0, None, {"opening": 0.0}),))
    assert city.place("GATE").geom_type == "LineString"
    left = {k: o.balance.remarks["swmm_outflow_m3"] - o.balance.remarks["swmm_handed_out_m3"]
            for k, o in {"free": free, "shut": shut}.items()}  # fmt: skip
    assert left["shut"] < 0.1 * left["free"]
    assert abs(shut.balance.error) <= 1e-5
    with pytest.raises(SourceError) as error:
        Flood().simulate(city, drivers(storm), clock, (Action("gate", "C1", 300.0, None, {"opening": 0.0}),))
    assert error.value.code == "unknown_place"


def test_a_pump_that_hunts_is_named_and_the_balance_is_kept(small_city, storm, clock) -> None:
    text = small_city.drains.inp.replace("C3 J3 O1 150 0.013 0 0", "C3 J3 W 150 0.013 0 0")
    text = text.replace("[CONDUITS]", "[STORAGE]\nW 16.0 6.0 0.2 FUNCTIONAL 0 0 20 0 0\n[PUMPS]\nP W O1 PC OFF 0.5 0.3\n"
                        "[CURVES]\nPC PUMP2 10.0 2.0\n[CONDUITS]")  # fmt: skip
    text = text.replace("[COORDINATES]", "[COORDINATES]\nW 500800 3399745")
    city = dataclasses.replace(small_city, drains=drains_of(text, small_city.grid.crs, "pumped"))
    outcome = Flood().simulate(city, drivers(storm), clock)
    hunting = [values for code, values in outcome.notes if code == "pump_hunting"]
    assert len(hunting) == 1 and hunting[0]["pump"] == "P" and hunting[0]["count"] > 7
    assert abs(outcome.balance.error) <= 1e-5
    steady = dataclasses.replace(
        city, drains=drains_of(text.replace("PC PUMP2 10.0 2.0", "PC PUMP2 10.0 0.02"), small_city.grid.crs, "steady")
    )
    calm = Flood().simulate(steady, drivers(storm), clock)
    assert not any(code == "pump_hunting" for code, _ in calm.notes)


def test_a_warm_start_says_that_it_replayed(small_city, storm, clock) -> None:
    first = Flood().simulate(small_city, drivers(storm), clock.first(300.0))
    rest = Flood().simulate(small_city, drivers(storm), clock.after(300.0), state=first.state)
    assert rest.balance.remarks["swmm_replayed_s"] == 300.0
    assert any(code == "drains_replayed" for code, _ in rest.notes)


def test_a_run_says_when_its_inlets_and_not_its_pipes_hold_the_water_up(small_city, storm, clock) -> None:
    """The same storm on the same ground: wide pipes wait for water that few inlets let in, narrow ones are full themselves."""
    told = {}
    for name, diameter in {"wide": 2.0, "narrow": 0.1}.items():
        lines = small_city.drains.inp.splitlines()
        start = lines.index("[XSECTIONS]")
        lines = lines[: start + 1] + [
            " ".join([(part := line.split())[0], part[1], str(diameter), *part[3:]]) if line.startswith("C") else line
            for line in lines[start + 1 :]
        ]
        drains = drains_of("\n".join(lines), small_city.grid.crs, name)
        outcome = Flood().simulate(dataclasses.replace(small_city, drains=drains), drivers(storm), clock)
        told[name] = [values for code, values in outcome.notes if code == "inlets_bind"]
    assert told["narrow"] == [] and len(told["wide"]) == 1
    cells = small_city.grid.nx * small_city.grid.ny
    assert told["wide"][0]["percent"] > 50.0
    assert told["wide"][0]["hectares"] <= cells * small_city.grid.cell_m**2 / 1e4 / 3
