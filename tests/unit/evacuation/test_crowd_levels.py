"""A venue of two levels: people of the upper one come down the stair and out, nobody is lost, and the levels are told apart."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.affinity

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.district.stream import MOST, Stream
from evacuation.crowd.kernels.stream import JAM
from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.proofs.worlds import SECOND, filled
from evacuation.crowd.risk.density import over
from evacuation.crowd.venue.checker import faults
from evacuation.crowd.venue.gates import Timetable
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from tests.unit.evacuation.test_crowd_hazard import X, Y, at, clock, with_hall
from twin.city import City
from twin.errors import ScenarioError
from twin.streams import stream

BOX = shapely.box(X, Y, X + 16, Y + 10)


def storeys(**changes: dict[str, object] | None) -> gpd.GeoDataFrame:
    """Two halls of 16 m by 10 m above each other, a gate in the east of the lower one, a stair of 6 m by 2 m up to the west."""
    line = shapely.LineString
    rows: dict[str, dict[str, object]] = {
        "east": {"kind": "gate", "geometry": line(at((16, 4), (16, 6)))},
        "wall-0": {"kind": "wall", "geometry": line(at((16, 6), (16, 10), (0, 10), (0, 0), (16, 0), (16, 4)))},
        "wall-1": {"kind": "wall", "level": 1, "geometry": line(at((0, 0), (16, 0), (16, 10), (0, 10), (0, 0)))},
        "low": {"kind": "source", "flow_per_s": 1.0, "geometry": shapely.box(X + 12, Y + 1, X + 15, Y + 9)},
        "high": {"kind": "source", "level": 1, "flow_per_s": 3.0, "geometry": shapely.box(X + 1, Y, X + 15, Y + 10)},
        "front": {"kind": "zone", "geometry": shapely.box(X + 11, Y, X + 16, Y + 10)},
        "gallery": {"kind": "zone", "level": 1, "geometry": shapely.box(X + 11, Y, X + 16, Y + 10)},
        "flight": {"kind": "zone", "level": 0, "geometry": shapely.box(X + 4, Y + 4, X + 10, Y + 6)},
        "stair": {
            "kind": "stair", "level": 0, "to_level": 1, "rise": 0.5, "up_deg": 270.0,
            "geometry": shapely.box(X + 4, Y + 4, X + 10, Y + 6),
        },
    }  # fmt: skip
    for name, change in changes.items():
        rows[name] = rows.get(name, {}) | (change or {})
    table = [{"id": f"hall/{n}", "venue": "hall", "name_zh": n, "name_en": n} | row for n, row in rows.items()]
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry="geometry", crs="EPSG:4547")


def test_people_of_the_upper_level_come_down_and_out(small_city: City) -> None:
    out = Crowd("hall", persons=80).simulate(with_hall(small_city, storeys()), {}, clock(90), rng=stream(1, "crowd"))
    assert out.tables["gates"]["left"].tolist() == [80] and out.balance.error == 0.0
    assert (out.counts["where"].sum(axis=1) == 80).all()
    people = out.fields["zone_people"].to_pandas()
    start, most = people.iloc[0], people.max()
    assert start["hall/front"] == 20 and 10 < start["hall/gallery"] < 30, "each level counts its own"
    assert most["hall/flight"] > 5 and people.iloc[-1].sum() == 0
    assert out.fields.sizes["x"] < 60, "the map has the width of one level"
    assert out.places.set_index("id").loc["hall/gallery"].geometry.equals(shapely.box(X + 11, Y, X + 16, Y + 10))


def test_people_are_seen_and_touched_across_the_middle_of_a_stair() -> None:
    """Two rows of people pressed together on a stair, far from its middle and across it, press alike."""
    plan = Plan.of_parts("hall", BOX, storeys(), "EPSG:4547")
    loads = []
    for middle in (8.6, 7.0 + 0.16):
        walkers = filled(plan, 2)
        place = plan.local(np.array([[X + middle, Y + 5.0], [X + middle - 0.32, Y + 5.0]]))
        moved, _ = plan.across(*place.T, 0.0, np.inf)
        people = walkers.people._replace(
            x=place[:, 0] + moved, w=place[:, 1], broad=np.full(2, 0.17), deep=np.full(2, 0.17)
        )
        walkers.people = people._replace(leaves=np.full(2, np.inf))
        assert (moved != 0.0).sum() == (middle < 8.0)
        walkers.walk(0.0, 1, plan.stairs)
        assert walkers.people.count == 2
        order = np.argsort(walkers.people.number)
        loads.append(walkers.people.load[order])
    assert loads[0].min() > 1.0
    np.testing.assert_allclose(loads[1], loads[0], rtol=1e-9)


def test_density_does_not_end_at_the_middle_of_a_stair() -> None:
    plan = Plan.of_parts("hall", BOX, storeys(), "EPSG:4547")
    assert faults(plan, ()) == [], "the rails of the stair are no slivers and leave no gaps"
    density = over(Finder(plan), 0.5)
    xx, yy = np.meshgrid(np.arange(4.2, 10.0, 0.5), np.arange(4.25, 6.0, 0.5))
    place = plan.local(np.column_stack([X + xx.ravel(), Y + yy.ravel()]))
    x = place[:, 0] + plan.across(*place.T, 0.0, np.inf)[0]
    field = plan.levels.folded(density.of(x, place[:, 1]))
    row = field[np.argmin(np.abs(density.grid.y - (Y + 5.0)))]
    column = ((X + np.array([6.5, 7.0, 7.5]) - density.grid.west) / 0.5).astype(int)
    assert np.ptp(row[column]) < 0.05 * row[column].mean() and row[column].min() > 3.0


def test_people_start_around_a_stair_that_lies_aslant(small_city: City) -> None:
    """Its halves cut the ground of their source along lines that no whole number of metres describes."""
    turned = shapely.affinity.rotate(shapely.box(X + 4, Y + 4, X + 10, Y + 6), 33.0, origin=(X + 7, Y + 5))
    aslant = storeys(stair={"geometry": turned, "up_deg": 237.0}, flight={"geometry": turned})
    out = Crowd("hall", persons=80).simulate(with_hall(small_city, aslant), {}, clock(60), rng=stream(1, "crowd"))
    assert out.balance.error == 0.0 and out.tables["gates"]["left"].tolist()[0] > 60


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("level_apart", {"roof": {"kind": "zone", "level": 2, "geometry": BOX}}),
        ("level_number", {"front": {"level": "upper"}}),
        ("stair_nowhere", {"stair": {"to_level": 3}}),
        ("stair_end", {"stair": {"up_deg": 90.0, "geometry": shapely.box(X + 4, Y + 4, X + 15.9, Y + 6)}}),
        ("source_outside", {"wall-0": {"geometry": shapely.LineString(at((16, 6), (16, 10), (0, 10), (0, 0), (10, 0)))}}),
        ("stair_short", {"stair": {"up_deg": 0.0}}),
        ("stair_gate", {"rope": {"kind": "gate", "geometry": shapely.LineString(at((8, 4), (8, 6)))}}),
        ("stairs_overlap", {"second": {"kind": "stair", "level": 0, "to_level": 1, "rise": 0.5, "up_deg": 270.0, "geometry": shapely.box(X + 4, Y + 5, X + 10, Y + 7)}}),
        ("room_sealed", {"bar": {"kind": "wall", "level": 1, "geometry": shapely.LineString(at((3.6, 3), (3.6, 7), (12, 7), (12, 3), (3.6, 3)))}}),
    ],
)  # fmt: skip
def test_levels_that_cannot_be_are_named(small_city: City, code: str, changes: dict[str, dict[str, object]]) -> None:
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=5).check(with_hall(small_city, storeys(**changes)), {}, clock(60))
    assert error.value.code == code
    assert "hall" in error.value.message("en") and "hall" in error.value.message("zh")


@pytest.mark.parametrize("form", ["stream", "mixed"])
def test_the_density_forms_go_by_the_stairs_too(small_city: City, form: str) -> None:
    crowd = Crowd("hall", persons=100, form=form, stream_cell_m=0.25)
    out = crowd.simulate(with_hall(small_city, storeys()), {}, clock(240), rng=stream(1, "crowd"))
    assert abs(out.balance.error) <= 1e-9
    people = out.fields["zone_people"].to_pandas()
    assert people["hall/flight"].max() > 5 and people.iloc[0]["hall/gallery"] > 10
    followed = out.tables["zones"].set_index("id")["single_after_s"].notna()
    assert followed.any() == (form == "mixed")
    assert out.counts["where"][3.0].iloc[-1] == 100, "all come down and out"
    assert people.iloc[-1].sum() < 1e-6, "the zones count whom the ledger counts"


@pytest.mark.parametrize("cell_m", [0.5, 0.7, 1.0])
def test_levels_lie_whole_cells_of_the_density_apart(cell_m: float) -> None:
    plan = Plan.of_parts("hall", BOX, storeys(), "EPSG:4547", cell_m)
    assert plan.levels.span_m / cell_m == pytest.approx(round(plan.levels.span_m / cell_m), abs=1e-9)
    assert plan.grid.nx % len(plan.levels.numbers) == 0


def test_a_density_comes_down_a_stair_as_slowly_as_people_and_no_denser_than_the_level() -> None:
    """A full gallery streams down 2 m of stairs: at most the largest flow of the level times 0.69 / 1.34, and nowhere beyond JAM."""
    plan = Plan.of_parts("hall", BOX, storeys(), "EPSG:4547", 0.25)
    finder = Finder(plan)
    crowd = Stream(plan, finder, Timetable(plan, None, clock(60), (), None, 1.0).at(0.0))
    upper = finder.cells_of(plan.levels.laid(shapely.box(X, Y, X + 16, Y + 10), 1)) & finder.walkable
    upper[finder.unwalked[0], finder.unwalked[1]] = False
    crowd.walking[:, upper] = 4.0 / len(finder.wanted)
    there, most = crowd.inside, 0.0
    crowd.walk(20)
    before = crowd.out.sum()
    for _ in range(40):
        crowd.walk(1)
        most = max(most, float(crowd.total.max()))
        assert crowd.inside + crowd.out.sum() == pytest.approx(there, rel=1e-12)
    assert (crowd.walking[:, finder.unwalked[0], finder.unwalked[1]] == 0.0).all()
    assert most <= JAM + 0.1
    flow = (crowd.out.sum() - before) / 40.0 / 2.0
    assert 0.5 * MOST * 0.69 / 1.34 < flow <= MOST * 0.69 / 1.34


def going_up() -> Plan:
    """The two halls with the gate above and the people below."""
    rows = storeys(east={"level": 1}, low={"geometry": shapely.box(X + 11, Y + 1, X + 15, Y + 9)})
    rows.loc[rows["id"] == "hall/wall-0", "level"], rows.loc[rows["id"] == "hall/wall-1", "level"] = 1, 0
    return Plan.of_parts("hall", BOX, rows[rows["id"] != "hall/high"], "EPSG:4547")


def test_a_walk_up_a_stair_is_the_same_in_however_many_calls() -> None:
    """Whole seconds against single decisions, as trajectories ask for: to the bit, while people change levels."""
    plan = going_up()
    whole, single = filled(plan, 100), filled(plan, 100)
    for second in range(30):
        whole.walk(float(second), SECOND, plan.stairs)
        for k in range(SECOND):
            single.walk(second + k * DECISION_S, 1, plan.stairs)
    assert (whole.people.x > plan.levels.span_m).any(), "somebody has changed levels"
    for name, values in whole.record().items():
        np.testing.assert_array_equal(single.record()[name], values, err_msg=name)


def test_a_crowd_goes_up_a_stair_to_the_next_level_without_end() -> None:
    """A hundred people below take the stair between its rails: nobody stays, for no arch of those who slide back holds them."""
    plan = going_up()
    walkers = filled(plan, 100)
    for second in range(100):
        walkers.walk(float(second), SECOND, plan.stairs)
    assert walkers.left == 100 == walkers.left_by_gate.sum()
