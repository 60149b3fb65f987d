"""Road maps as they come: what can be read is read, what is mended is told, and what cannot be is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from evacuation.movement.kernels import paths
from evacuation.movement.kernels.heap import HEAP
from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.roads.network import CAR, FOOT, Network, network_of
from evacuation.movement.roads.turns import barred_turns
from twin.errors import ScenarioError
from twin.hazard import Action
from twin.streams import stream

TOWN = worlds.town(4)


def network(change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> Network:
    """The network of a small town with its roads changed."""
    return network_of(replace(TOWN, roads=change(TOWN.roads.copy())), veh_h_lane=600.0, walk_m_s=1.0)


def first(column: str, value: Any) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Give the first road a value in a column."""

    def change(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        values = roads[column].astype(object) if column in roads else pd.Series(None, index=roads.index, dtype=object)
        values.iloc[0] = value
        return roads.assign(**{column: values})

    return change


def with_first_line(line: Any) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Give the first road another shape."""

    def change(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return roads.set_geometry([line, *roads.geometry.iloc[1:]], crs=roads.crs)

    return change


PLAIN = network(lambda roads: roads)


@pytest.mark.parametrize(
    ("said", "ways"),
    [
        (True, [False]), (1, [False]), (1.0, [False]), ("yes", [False]), ("true", [False]),
        (-1, [True]), ("-1", [True]), ("reverse", [True]),
        (False, [False, True]), ("no", [False, True]), (0, [False, True]), (None, [False, True]), ("reversible", [False, True]),
    ],
)  # fmt: skip
def test_oneway_binds_vehicles_as_maps_say_it_and_never_walkers(said: Any, ways: list[bool]) -> None:
    found = network(first("oneway", said))
    mine = found.road == 0
    assert sorted(found.reverse[mine & (found.layer == CAR)]) == ways
    assert sorted(found.reverse[mine & (found.layer == FOOT)]) == [False, True]
    share = found.capacity[mine & (found.layer == CAR)][0] / PLAIN.capacity[(PLAIN.road == 0) & (PLAIN.layer == CAR)][0]
    assert share == (1.0 if len(ways) == 2 else 2.0)  # all lanes of a road of one direction lead there


def one_way(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Let all ways out of the town but one lead inward; their lines are drawn outward."""
    inward = roads["id"].isin(["out-w", "out-n", "out-s"])
    return roads.assign(oneway=np.where(inward, "-1", "no"))


def driven(*actions: Action) -> set[str]:
    """Return the roads that cars run in the town of which all ways out but one lead inward."""
    town = replace(TOWN, roads=one_way(TOWN.roads.copy()), facilities=TOWN.facilities.iloc[:0])
    model = Movement(zones="all", mean_delay_min=5.0)
    paths = model.simulate(town, {}, worlds.clock(1.0), actions, stream(7, "movement")).tables["trajectories"]
    return set(paths.loc[paths["by"] == "car", "id"])


def test_nobody_drives_against_a_one_way_road_unless_contraflow_opens_it() -> None:
    plain, turned = driven(), driven(Action("contraflow", "out-w"))
    assert "out-e" in plain and not plain & {"out-w", "out-n", "out-s"}
    assert "out-w" in turned and not turned & {"out-n", "out-s"}


def test_a_one_way_road_that_contraflow_turns_has_all_its_lanes_and_no_more() -> None:
    town = replace(TOWN, roads=one_way(TOWN.roads.copy()))
    found = network_of(town, veh_h_lane=600.0, walk_m_s=1.0, contraflow=frozenset({"out-w"}))
    mine = (found.road == list(TOWN.roads["id"]).index("out-w")) & (found.layer == CAR)
    assert found.against[mine].sum() == 1 and found.against.sum() == 1
    np.testing.assert_allclose(found.capacity[mine], 2 * 600.0 / 3600.0)
    assert np.isinf(found.dry_s[found.against]).all()


def test_a_way_that_only_leads_out_of_the_net_is_a_goal_and_no_home() -> None:
    outward = network(lambda roads: roads.assign(oneway=roads["id"].str.startswith("out-")))
    inward = network(one_way)
    ends = {
        name: [int(np.flatnonzero(n.ids == f"rim-{k}")[0]) for k in "wens"]
        for name, n in (("o", outward), ("i", inward))
    }
    assert not outward.connected[ends["o"]].any() and outward.reached[ends["o"]].all()
    assert inward.reached[ends["i"]].tolist() == [False, True, False, False]


@pytest.mark.parametrize("column", ["lanes", "speed_kmh"])
@pytest.mark.parametrize("said", ["2;3", "walk", "RU:urban", "30 mph", "", None, np.nan])
def test_what_cannot_be_read_is_assumed_and_counted(column: str, said: Any) -> None:
    assert network(first(column, said)).assumed == PLAIN.assumed + 1


@pytest.mark.parametrize("column", ["lanes", "speed_kmh"])
@pytest.mark.parametrize("said", [-1, "-1", 0, 1e9, np.inf])
def test_what_no_road_can_have_is_refused_with_the_road_and_the_value(column: str, said: Any) -> None:
    with pytest.raises(ScenarioError, match=f"{TOWN.roads['id'].iloc[0]}: {column} is"):
        network(first(column, said))


def test_hundreds_of_lanes_are_taken_as_they_are() -> None:
    mine = (PLAIN.road == 0) & (PLAIN.layer == CAR)
    wide = network(first("lanes", 300))
    np.testing.assert_allclose(wide.capacity[mine].sum(), 300 * 600.0 / 3600.0)


@pytest.mark.parametrize("said", ["0;1", "ground", None])
def test_a_level_that_cannot_be_read_is_the_grounds(said: Any) -> None:
    np.testing.assert_array_equal(network(first("level", said)).up, PLAIN.up)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_first_line(None), "shape –"),
        (with_first_line(shapely.LineString()), "shape LineString EMPTY"),
        (with_first_line(shapely.MultiLineString([[(0, 0), (1, 1)]])), "shape MultiLineString"),
        (with_first_line(shapely.Point(0, 0)), "shape Point"),
        (first("u", None), "no junction in its column u"),
    ],
)
def test_a_road_that_is_no_line_between_two_junctions_is_refused(change: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        network(change)


def test_loops_doubles_islands_and_roads_of_no_length_do_no_harm() -> None:
    def rough(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        loop, double, island, none = (roads.iloc[[0]].copy() for _ in range(4))
        loop["v"] = loop["u"]
        island[["u", "v"]] = ["x", "y"]
        island = island.set_geometry(island.geometry.translate(33.0, 37.0))
        none[["u", "v"]] = [roads["u"].iloc[0], "z"]
        at = roads.geometry.iloc[0].coords[0]
        none = none.set_geometry([shapely.LineString([at, at])], crs=roads.crs)
        more = pd.concat([loop, double, island, none]).assign(id=["loop", "double", "island", "none"])
        return pd.concat([roads, more], ignore_index=True)

    found = network(rough)
    kept = [(found.road == len(TOWN.roads) + k).sum() for k in range(4)]
    assert kept == [0, 4, 4, 4] or kept == [0, 4, 4, 0]  # the road of no length is one junction, or joined into one
    assert found.loops >= 1 and (found.up != found.down).all() and (found.length > 0.0).all()
    island = found.up[found.road == len(TOWN.roads) + 2]
    assert not found.connected[island].any()
    moved = replace(TOWN, roads=rough(TOWN.roads.copy()))
    people = worlds_run(moved)
    assert people == worlds_run(TOWN)


def worlds_run(city: Any) -> float:
    """Return how many people a short run of a city accounts for."""
    from evacuation.movement.proofs.city import MODEL
    from twin.streams import stream

    out = MODEL.simulate(city, {}, worlds.clock(0.25), (), stream(7, "movement"))
    last = float(out.counts["end_state"].iloc[-1].sum())
    assert last == out.balance.came_in["population"]
    return last


def test_a_barred_turn_is_one_of_cars_at_the_end_it_names() -> None:
    """`r0-0-0` and `r0-0-1` meet; whoever must not turn there, walkers and rescue vehicles may."""
    roads = TOWN.roads.set_index("id")
    end = "v" if roads["v"]["r0-0-0"] in (roads["u"]["r0-0-1"], roads["v"]["r0-0-1"]) else "u"
    for said, turns in ((f"{end} r0-0-1", 1), (f"{end} r0-0-1; {end} r0-0-0", 2), ("", 0), (None, 0)):
        city = replace(TOWN, roads=barring("r0-0-0", said)(TOWN.roads))
        net = network_of(city, veh_h_lane=600.0, walk_m_s=1.0, rescue=True)
        found = barred_turns(city, net)
        assert len(found) == turns and (net.layer[found] == CAR).all()
        assert (net.road[found[:, 0]] == list(TOWN.roads["id"]).index("r0-0-0")).all()
        assert (net.down[found[:, 0]] == net.up[found[:, 1]]).all()
    for wrong in ("r0-0-1", "w r0-0-1", "v", "v r0-0-1;"):
        city = replace(TOWN, roads=barring("r0-0-0", wrong)(TOWN.roads))
        with pytest.raises(ScenarioError) as caught:
            barred_turns(city, network_of(city, veh_h_lane=600.0, walk_m_s=1.0))
        assert caught.value.code == "movement_no_turn" and "r0-0-0" in caught.value.message("zh")


def barring(road: str, said: str | None) -> Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]:
    """Let a road say which turns are barred."""
    return lambda roads: roads.assign(no_turn=np.where(roads["id"] == road, said, None))


def test_a_junction_keeps_to_its_road_until_another_saves_more_than_the_share_said():
    """From node 0 two ways lead to node 3: by 1, and by 2."""
    up, head, cost = (
        np.array([0, 1, 0, 2], np.int32),
        np.array([1, 3, 2, 3], np.int32),
        np.array([50.0, 50.0, 60.0, 60.0]),
    )
    order = np.argsort(head, kind="stable").astype(np.int32)
    into = np.searchsorted(head[order], np.arange(5)).astype(np.int32), order
    ends = np.array([0, 1], np.int32), np.array([3], np.int32)
    kept = np.array([[2, 1, 3, -1]], np.int32)
    for share, first in ((0.0, 0), (0.19, 0), (0.21, 2)):
        least, lead = np.zeros((1, 4)), np.zeros((1, 4), np.int32)
        paths.ways(least, lead, np.zeros(4, HEAP), cost, up, *into, *ends)
        paths.keep_ways(lead, kept, least, cost, head, share)
        assert lead[0, :3].tolist() == [first, 1, 3] and least[0, 0] == 100.0
