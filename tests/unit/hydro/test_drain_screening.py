"""Drains by capacity alone: Manning by hand, shares in a tree, drowned outfalls, the whole flood."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios as sc
from hydro.drains.tree import drain_tree
from hydro.flood import Flood
from hydro.kernels.screening import accept
from hydro.proofs.drain_cases import screened
from twin.clock import Clock
from twin.hazard import Action

TREE = """[OPTIONS]
FLOW_UNITS CMS
[JUNCTIONS]
A 12.0 3.0
B 11.0 3.0
C 10.0 3.0
S 8.0 5.0
LOST 9.0 1.0
[OUTFALLS]
O 9.0 FREE NO
[CONDUITS]
ab A B 100 0.013 0 0
cb C B 100 0.013 0 0
bo B O 200 0.013 0 0
small B O 200 0.013 0 0
[PUMPS]
p S C pc ON
[CURVES]
pc PUMP2 1.0 0.1
pc 5.0 0.4
[XSECTIONS]
ab CIRCULAR 0.5 0 0 0 1
cb RECT_CLOSED 0.6 0.8 0 0 2
bo CIRCULAR 1.0 0 0 0 1
small CIRCULAR 0.3 0 0 0 1
"""


def full_circle(d, slope):
    return math.pi * d**2 / 4 * (d / 4) ** (2 / 3) * slope**0.5 / 0.013


def test_capacities_are_full_pipes_and_pumps() -> None:
    tree = drain_tree(TREE.replace("C 10.0", "C 11.5"))
    carries = dict(zip(tree.ids, tree.capacity(np.full(len(tree.ids), np.nan)), strict=True))
    assert carries["A"] == pytest.approx(full_circle(0.5, 0.01))
    assert carries["B"] == pytest.approx(full_circle(1.0, 0.01)), "of two links the one that carries most"
    assert carries["C"] == pytest.approx(2 * 0.48 * (0.48 / 2.8) ** (2 / 3) * 0.005**0.5 / 0.013)
    assert carries["S"] == pytest.approx(0.4) and carries["LOST"] == 0.0
    assert tree.ids[tree.down[tree.ids.index("S")]] == "C"


def test_a_drowned_outfall_holds_back_and_closes_above_the_rims() -> None:
    tree = drain_tree(TREE)
    at = {n: k for k, n in enumerate(tree.ids)}
    caps = {}
    for stage in (8.9, 9.5, 13.0, 20.0):
        stages = np.full(len(at), np.nan)
        stages[at["O"]] = stage
        caps[stage] = tree.capacity(stages)
    free = tree.capacity(np.full(len(at), np.nan))
    np.testing.assert_array_equal(caps[8.9], free)
    assert caps[13.0][at["B"]] == pytest.approx(full_circle(1.0, 1.0 / 200))
    assert caps[20.0][at["B"]] == 0.0 and caps[20.0][at["S"]] == free[at["S"]], (
        "a pump lifts; the pipe below it is shut"
    )


@settings(deadline=None)
@given(st.lists(st.floats(0, 3), min_size=6, max_size=6))
def test_no_link_carries_more_than_it_can_and_shares_are_fair(entering) -> None:
    tree = drain_tree(TREE.replace("C 10.0", "C 11.5"))
    capacity = tree.capacity(np.full(len(tree.ids), np.nan))
    share, flow = np.ones(6), np.zeros(6)
    entering = np.array(entering)
    accept(share, flow, entering, tree.order, tree.down, capacity)
    assert ((share >= 0) & (share <= 1)).all()
    for k in range(6):
        above = [j for j in range(6) if k in way(tree.down, j)]
        assert (share[above] * entering[above]).sum() <= capacity[k] * (1 + 1e-9)


def test_a_light_shower_passes_whole_except_where_no_outfall_is_reached() -> None:
    tree = drain_tree(TREE)
    share, flow = np.zeros(6), np.zeros(6)
    accept(share, flow, np.full(6, 1e-3), tree.order, tree.down, tree.capacity(np.full(6, np.nan)))
    assert dict(zip(tree.ids, share, strict=True)) == {"A": 1, "B": 1, "C": 1, "S": 1, "LOST": 0, "O": 1}


def way(down, node):
    nodes = []
    while node >= 0:
        nodes.append(node)
        node = down[node]
    return nodes


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(datetime(2026, 6, 20, 18, tzinfo=ZoneInfo("Asia/Shanghai")), 1800.0, 300.0)


def test_a_screened_flood_lies_between_no_drains_and_keeps_its_balance(small_city, storm, clock) -> None:
    drivers = sc.load(storm).drivers()[0]
    dry = Flood(precision="float64", drainage="none").simulate(small_city, drivers, clock)
    screened = Flood(precision="float64", drainage="screening").simulate(small_city, drivers, clock)
    assert abs(screened.balance.error) <= 1e-9
    assert screened.balance.went_out["inlets"] > 0
    assert screened.fields["water_depth"].sum() < dry.fields["water_depth"].sum()
    kept = screened.balance.went_out["inlets"] + screened.balance.went_out["roofs_to_drains"]
    kept -= screened.balance.came_in["surcharge"]
    assert kept == pytest.approx(screened.balance.remarks["swmm_outflow_m3"])
    assert kept <= full_circle(0.8, 2.4 / 150) * 1800.0 * (1 + 1e-9), "no more than the last pipe carries"
    assert ("drains_screened", {}) in screened.notes


def test_a_screened_flood_goes_on_exactly_and_hears_measures(small_city, storm, clock) -> None:
    drivers = sc.load(storm).drivers()[0]
    model = Flood(precision="float64", drainage="screening")
    whole = model.simulate(small_city, drivers, clock)
    first = model.simulate(small_city, drivers, clock.first(900.0))
    rest = model.simulate(small_city, drivers, clock.after(900.0), state=first.state)
    np.testing.assert_array_equal(whole.fields["water_depth"].values[3:], rest.fields["water_depth"].values)
    blocked = model.simulate(small_city, drivers, clock, (Action("inlets", "*", 0.0, None, {"open_share": 0.0}),))
    roofs = blocked.balance.went_out["roofs_to_drains"]
    assert blocked.balance.went_out["inlets"] == pytest.approx(0.0, abs=1e-6) and roofs > 0


def test_the_comparison_of_screening_with_swmm_measures_both(small_city, storm, clock) -> None:
    found = screened(small_city, sc.load(storm).drivers()[0], clock, 10.0)
    assert 0.1 < found["captured_ratio"] < 1.5
    assert 0 <= found["depth_rmse_m"] < 0.5 and found["screening_s"] > 0
