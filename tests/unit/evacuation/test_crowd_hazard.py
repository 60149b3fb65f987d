"""The crowd on the small town: from scenario to plan, split runs, attendance, water at gates, plans that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import scenarios as sc
from evacuation.crowd.crowd import Crowd
from scenarios.runner.run import execute
from twin.city import City
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.hazard import Action, State
from twin.readers.city_folder import save_folder
from twin.streams import stream

#: South-west corner of the hall: open ground of the small town.
X, Y = 500_400.0, 3_399_400.0


def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(X + x, Y + y) for x, y in points]


def parts(**changes: shapely.Geometry | None) -> gpd.GeoDataFrame:
    """A hall of 16 m by 10 m: a wide gate in the east, a narrow one in the north, a zone before the first."""
    shapes = {
        "east": ("gate", shapely.LineString(at((16, 4), (16, 6)))),
        "north": ("gate", shapely.LineString(at((7, 10), (8, 10)))),
        "wall-1": ("wall", shapely.LineString(at((16, 6), (16, 10), (8, 10)))),
        "wall-2": ("wall", shapely.LineString(at((7, 10), (0, 10), (0, 0), (16, 0), (16, 4)))),
        "floor": ("source", shapely.box(X + 0.5, Y + 0.5, X + 10, Y + 9.5)),
        "front": ("zone", shapely.box(X + 11, Y, X + 16, Y + 10)),
    }
    shapes |= {name: (shapes[name][0] if name in shapes else "wall", shape) for name, shape in changes.items()}
    rows = [(f"hall/{n}", kind, "hall", f"{n}处", n, shape) for n, (kind, shape) in shapes.items() if shape is not None]
    table = pd.DataFrame(rows, columns=["id", "kind", "venue", "name_zh", "name_en", "geometry"])
    return gpd.GeoDataFrame(table, geometry="geometry", crs="EPSG:4547")


def with_hall(city: City, venues: gpd.GeoDataFrame | None = None) -> City:
    hall = {"id": "hall", "kind": "venue", "name_zh": "礼堂", "name_en": "Hall", "capacity": 400}
    ground = gpd.GeoDataFrame([hall | {"geometry": shapely.box(X, Y, X + 16, Y + 10)}], crs=city.grid.crs)
    facilities = gpd.GeoDataFrame(pd.concat([city.facilities, ground], ignore_index=True), crs=city.grid.crs)
    return replace(city, facilities=facilities, venues=parts() if venues is None else venues)


@pytest.fixture
def city(small_city: City) -> City:
    return with_hall(small_city)


def clock(seconds: float, step: float = 10.0) -> Clock:
    return Clock(pd.Timestamp("2026-06-20T18:00+08:00").to_pydatetime(), seconds, step)


def water(city: City, times: pd.DatetimeIndex, depths: list[float]) -> xr.DataArray:
    """Water of one depth from each time on, outside the hall's north wall."""
    grid = city.grid
    values = np.broadcast_to(np.array(depths, dtype=np.float32)[:, None, None], (len(depths), *grid.shape)).copy()
    north = (np.abs(grid.x - X - 5) < 2)[None, None, :] & (grid.y > Y + 10)[None, :, None]
    values = np.where(north, values, 0.0)
    return xr.DataArray(
        values, dims=("time", "y", "x"), coords={"time": times, "y": grid.y, "x": grid.x}, name="water_depth"
    )


def test_people_leave_and_are_counted(city: City) -> None:
    out = Crowd("hall", persons=150).simulate(city, {}, clock(120), rng=stream(1, "crowd"))
    where = out.counts["where"]
    assert (where.sum(axis=1) == 150).all() and where[3.0].iloc[-1] == 150 == out.tables["gates"]["left"].sum()
    assert (out.counts["density"].sum(axis=1) == where[2.0]).all()
    assert out.balance.error == 0.0
    assert out.fields["gate_flow"].sum("gate").values[1:].sum() * 10 == pytest.approx(150)
    assert out.fields["max_crowd_density"].max() >= out.fields["crowd_density"].max() > 1.0
    seconds = (where.index - where.index[0]).total_seconds()
    gone = out.tables["left"].iloc[0]
    assert gone["all_s"] == seconds[where[3.0] == 150][0] and gone["half_s"] == seconds[where[3.0] >= 75][0]
    early = Crowd("hall", persons=150).simulate(city, {}, clock(20), rng=stream(1, "crowd")).tables["left"].iloc[0]
    assert np.isnan(early["all_s"]), "somebody is still inside"


def test_a_split_run_equals_the_whole_run(city: City, tmp_path: Path) -> None:
    meter = (Action("meter_inflow", "hall/east", 10.0, None, {"persons_per_s": 1.0}),)
    model, whole = Crowd("hall", persons=120, arrivals_per_s=1.3), clock(40)
    one = model.simulate(city, {}, whole, meter, stream(1, "crowd"))
    first = model.simulate(city, {}, whole.first(20), meter, stream(1, "crowd"))
    first.state.save(tmp_path / "state.npz")
    later = (replace(meter[0], start_s=-10.0),)
    second = model.simulate(city, {}, whole.after(20), later, stream(9, "crowd"), State.load(tmp_path / "state.npz"))
    for name in one.fields.data_vars:
        expected = one.fields[name].values[2:] if "time" in one.fields[name].dims else one.fields[name].values
        np.testing.assert_array_equal(second.fields[name].values, expected, err_msg=str(name))
    for name, values in one.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], values, err_msg=name)
    pd.testing.assert_frame_equal(second.tables["zones"], one.tables["zones"])


def test_attendance_brings_people_and_lets_them_go(city: City) -> None:
    times = clock(60).times
    series = xr.DataArray(
        [[20.0, 5.0], [80.0, 5.0], [0.0, 5.0]], dims=("time", "place"),
        coords={"time": times[[0, 2, 4]], "place": ["hall", "s1"]}, name="attendance",
    )  # fmt: skip
    out = Crowd("hall").simulate(city, {"attendance": series}, clock(120), rng=stream(1, "crowd"))
    inside = out.counts["where"][2.0]
    assert inside.iloc[0] == 20 and 45 <= inside.iloc[1] <= 55 and inside.iloc[3] == 80 and inside.iloc[-1] == 0
    with pytest.raises(ScenarioError, match="twice"):
        Crowd("hall", persons=3).simulate(city, {"attendance": series}, clock(60))


def test_water_shuts_a_gate_and_people_go_to_the_next(city: City) -> None:
    depth = water(city, clock(60).times[[0, 1]], [0.0, 0.4])
    dry = Crowd("hall", persons=150).simulate(city, {}, clock(120), rng=stream(1, "crowd"))
    wet = Crowd("hall", persons=150).simulate(city, {"water_depth": depth}, clock(120), rng=stream(1, "crowd"))
    gates = [out.tables["gates"].set_index("id") for out in (dry, wet)]
    assert gates[0].loc["hall/north", "left"] > 50 > gates[1].loc["hall/north", "left"]
    assert gates[1].loc["hall/east", "left"] > gates[0].loc["hall/east", "left"]
    assert gates[1].loc["hall/north", ["shut_by", "by_s", "shut_s"]].tolist() == ["water", 10.0, 110.0]
    assert wet.fields["gate_flow"].sel(gate="hall/north").values[2:].sum() == 0
    assert wet.counts["where"][3.0].iloc[-1] == 150


def test_a_cloud_is_breathed_in(city: City) -> None:
    rate = (0.0 * water(city, clock(20).times[[0]], [0.0]) + 0.05).rename("toxic_dose_rate")
    rate.attrs["tags"] = "harms_people dose_rate"
    out = Crowd("hall", persons=40, leave_within_s=3000).simulate(city, {"toxic_dose_rate": rate}, clock(20))
    dose = dict(out.notes)["dose"]
    assert 50.0 <= dose["percent"] <= 101.0 and dose["full"] <= dose["tenth"] <= 40


@pytest.mark.parametrize(
    ("code", "changes", "model"),
    [
        ("venue_no_gate", {"east": None, "north": None}, {}),
        ("venue_no_source", {"floor": None}, {}),
        ("gate_narrow", {"north": shapely.LineString(at((7.0, 10), (7.1, 10)))}, {}),
        ("gate_narrow", {"north": shapely.LineString(at((7.0, 10), (7.0, 10)))}, {}),
        ("source_outside", {"wall-1": None}, {}),
        ("source_outside", {"floor": shapely.box(X + 20, Y, X + 30, Y + 9)}, {}),
        ("source_small", {"floor": shapely.box(X + 0.01, Y + 1, X + 0.05, Y + 2)}, {}),
        ("room_sealed", {"cell": shapely.box(X + 0.2, Y + 0.2, X + 10.5, Y + 9.8).exterior}, {}),
        ("venue_part_shape", {"front": shapely.LineString(at((0, 0), (1, 1)))}, {}),
        ("venue_too_many", {}, {"persons": 1700}),
        ("crowd_nobody", {}, {"persons": 0}),
        ("crowd_step", {}, {"step_s": 0.007}),
        ("crowd_large", {}, {"arrivals_per_s": 1000.0, "step_s": 0.001}),
        ("venue_unknown", {}, {"venue": "hal"}),
    ],
)
def test_what_cannot_be_is_refused_before_a_second(small_city: City, code: str, changes, model) -> None:
    city = with_hall(small_city, parts(**changes))
    with pytest.raises(ScenarioError) as error:
        Crowd(**{"venue": "hall", "persons": 10} | model).simulate(city, {}, clock(7200, 60))
    assert error.value.code == code
    assert error.value.message("zh") and error.value.message("en")


def test_a_venue_without_a_way_out_is_refused_when_the_case_is_checked(small_city: City) -> None:
    sealed = with_hall(small_city, parts(cell=shapely.box(X + 0.2, Y + 0.2, X + 10.5, Y + 9.8).exterior))
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=10).check(sealed, {}, clock(60))
    assert error.value.code == "room_sealed"
    shut = with_hall(small_city, parts().assign(opens=[False, False, *[None] * 4]))
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=10).check(shut, {}, clock(60))
    assert error.value.code == "room_sealed"
    Crowd("hall", persons=10).check(shut, {}, clock(60), (Action("open_gate", "hall/north", 30.0),))


def test_a_goal_that_nobody_reaches_is_named(small_city: City) -> None:
    venues = parts()
    goal = {"id": "hall/vault", "kind": "goal", "venue": "hall", "name_zh": "库", "name_en": "vault"}
    walls = shapely.box(X + 11, Y + 1, X + 13, Y + 3)
    more = [
        goal | {"geometry": walls.buffer(-0.5)},
        goal | {"id": "hall/w", "kind": "wall", "geometry": walls.exterior},
    ]
    door = goal | {"id": "hall/yard", "geometry": shapely.box(X + 12, Y + 6, X + 13, Y + 7)}
    table = gpd.GeoDataFrame(pd.concat([venues, gpd.GeoDataFrame([*more, door], crs=venues.crs)]), crs=venues.crs)
    with pytest.raises(ScenarioError) as error:
        Crowd("hall", persons=10).simulate(with_hall(small_city, table), {}, clock(20))
    assert error.value.code == "goal_unreachable" and "vault" in str(error.value.values["goal"])
    open_ones = table[~table["id"].isin(["hall/vault", "hall/w"])]
    out = Crowd("hall", persons=10).simulate(with_hall(small_city, open_ones), {}, clock(40))
    assert out.counts["where"][3.0].iloc[-1] == 10 and out.tables["gates"]["left"].sum() == 0


def test_who_has_a_goal_does_not_go_out_by_a_gate_of_the_rim_to_reach_it(small_city: City) -> None:
    """Two gates in the south wall: the way from one to the other outside is shorter than that around the inner wall."""
    shapes = {
        "east": None, "north": None, "wall-1": None,
        "wall-2": shapely.LineString(at((14, 0), (16, 0), (16, 10), (0, 10), (0, 0), (8, 0))),
        "wall-3": shapely.LineString(at((10, 0), (12, 0), (12, 8.5))),
        "floor": shapely.box(X + 7, Y + 1, X + 11, Y + 4),
    }  # fmt: skip
    more = {
        "hall/one": ("gate", shapely.LineString(at((8, 0), (10, 0)))),
        "hall/two": ("gate", shapely.LineString(at((12, 0), (14, 0)))),
        "hall/yard": ("goal", shapely.box(X + 13, Y + 1, X + 15, Y + 3)),
    }
    rows = [{"id": name, "kind": kind, "venue": "hall", "name_zh": name, "name_en": name, "geometry": shape}
            for name, (kind, shape) in more.items()]  # fmt: skip
    venues = parts(**shapes)
    table = gpd.GeoDataFrame(pd.concat([venues, gpd.GeoDataFrame(rows, crs=venues.crs)]), crs=venues.crs)
    out = Crowd("hall", persons=20).simulate(with_hall(small_city, table), {}, clock(60), rng=stream(1, "crowd"))
    left = out.tables["exits"].groupby("id")["left"].max()
    assert left["hall/yard"] == 20 and left["hall/one"] == left["hall/two"] == 0


def test_from_scenario_to_plan(city: City, tmp_path: Path) -> None:
    save_folder(city, tmp_path / "town")
    path = tmp_path / "evening.yaml"
    path.write_text(
        f"""schema: 1
name: {{zh: 礼堂散场, en: The hall empties}}
city: {tmp_path / "town"}
start: 2026-06-20T18:00+08:00
hours: 0.05
output_minutes: 0.5
forcing:
  attendance:
    - {{place: hall, persons: 400}}
    - {{place: hall, persons: 0, at: "18:00:30"}}
hazards:
  - crowd: {{venue: hall, queue_push_n: 20}}
measures:
  - {{kind: meter_inflow, place: hall/east, start: "18:00:40", values: {{persons_per_s: 0.2}}}}
  - {{kind: meter_inflow, place: hall/north, start: "18:00:40", values: {{persons_per_s: 0.2}}}}
seed: 7
""",
        "utf-8",
    )
    run = execute(sc.load(path), fresh=True)
    levels = run.levels.set_index("place")["level"]
    assert set(levels.index) == {"hall/front", "hall/rest"} and levels["hall/front"] in ("yellow", "orange", "red")
    assert {task.code for task in sc.draft_plan(run).tasks} >= {"watch_zone"}
    assert run.balances["crowd"]["relative_error"] == 0.0
    assert run.exposure["crowd"].basis == "model"


def test_a_crush_beside_the_zones_has_a_colour_too(small_city: City) -> None:
    """The only zone lies in a corner where nobody is: what happens before the gates is told of the rest of the venue."""
    corner = with_hall(small_city, parts(front=shapely.box(X, Y, X + 1, Y + 1)))
    meters = tuple(
        Action("meter_inflow", f"hall/{gate}", 0.0, None, {"persons_per_s": 0.2}) for gate in ("east", "north")
    )
    out = Crowd("hall", persons=400, queue_push_n=20.0).simulate(corner, {}, clock(120), meters, rng=stream(1, "crowd"))
    zones = out.tables["zones"].set_index("id")
    assert np.isnan(zones.loc["hall/front", "orange_after_s"]) and zones.loc["hall/rest", "orange_after_s"] < 120
    assert zones["ground_m2"].sum() == pytest.approx(160.0, rel=0.02)
    assert out.places.set_index("id").loc["hall/rest", "name_en"].endswith("Rest of the venue")


def test_the_push_which_nobody_knows_well_can_vary_between_members(city: City, tmp_path: Path) -> None:
    save_folder(city, tmp_path / "town")
    text = """schema: 1
name: {zh: 礼堂散场, en: The hall empties}
city: town
start: 2026-06-20T18:00+08:00
hours: 0.05
output_minutes: 0.5
hazards:
  - crowd: {venue: hall, persons: 60}
ensemble: {members: 3, vary: {crowd.push_n: {uniform: [10.0, 60.0]}}}
"""
    (tmp_path / "evening.yaml").write_text(text, "utf-8")
    sc.load(tmp_path / "evening.yaml").check()
