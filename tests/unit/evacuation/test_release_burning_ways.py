"""Ways on which the gas may burn: which and when, no way out leads through them, one task each, told in report and messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from lxml import etree

import scenarios as sc
from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds as homes
from evacuation.release.ignition import Burning, in_time, on_roads
from evacuation.release.leaving import Leaving
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.ways import water_on, ways_of
from scenarios.case.hazards import sheet
from scenarios.planning.draft import uncovered
from scenarios.runner.run import execute
from twin.bridge.cap import NAMESPACE
from twin.city import City
from twin.clock import Clock
from twin.drivers import hand_on, handed
from twin.exposure.streets import stretches
from twin.plan import Task
from twin.readers.city_folder import save_folder
from twin.streams import stream

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 1200.0, 60.0)
FRAME_S, FRAMES = 60.0, 20


def with_roads(lines: dict[str, list[tuple[float, float]]]) -> City:
    """Return the town with other roads, of named ends."""
    table = {
        "id": list(lines), "u": [str(line[0]) for line in lines.values()], "v": [str(line[-1]) for line in lines.values()],
        "name_zh": list(lines), "name_en": list(lines), "road_class": "residential", "lanes": 2, "speed_kmh": 30.0,
        "level": 0, "underpass": False,
    }  # fmt: skip
    shapes = [shapely.LineString([(WEST + x, NORTH - y) for x, y in line]) for line in lines.values()]
    return replace(town(), roads=gpd.GeoDataFrame(table, geometry=shapes, crs=CRS))


def burning(city: City, share: np.ndarray, probability: float = np.nan, clears: float = 0.0, **changes) -> Burning:
    nothing = np.zeros(city.grid.shape)
    return Burning(share, share.max(axis=0), nothing + probability, nothing + clears, True, **changes)


def gas(city: City, west_m: float, east_m: float, share: float, frames: slice = slice(None)) -> np.ndarray:
    """Return a share of the flammable limit over the town's first 100 m from the north, between two lines."""
    found = np.zeros((FRAMES, *city.grid.shape))
    across = (city.grid.x > WEST + west_m) & (city.grid.x < WEST + east_m)
    found[frames] = share * (across[None, :] & (city.grid.y > NORTH - 100.0)[:, None])
    return found


BOTH = {
    "direct": [(10.0, 10.0), (610.0, 10.0)],
    "round": [(10.0, 10.0), (10.0, 210.0), (610.0, 210.0), (610.0, 10.0)],
}


@pytest.mark.parametrize(("share", "told"), [(0.49, []), (0.5, [("direct", 0.5)]), (1.2, [("direct", 1.2)])])
def test_a_way_is_told_from_half_of_the_limit_on(share: float, told: list) -> None:
    city = with_roads(BOTH)
    table = on_roads(city, city.grid, burning(city, gas(city, 200.0, 300.0, share, slice(4, 9))), 120.0, FRAME_S, 0.0)
    assert [(i.removeprefix("street-"), s) for i, s in table[["id", "lfl_share"]].values] == told
    assert table[["arrives_s", "by_s", "until_s"]].values.tolist() == [[240.0, 240.0, 540.0]] * len(told)
    assert set(table["id"]) <= set(stretches(city)[0]["id"])


def test_moments_of_a_way_are_those_of_this_run_and_gas_that_is_gone_before_it_is_known_is_left_out() -> None:
    city = with_roads(BOTH)
    lasting = burning(city, gas(city, 200.0, 300.0, 0.8, slice(4, None)))
    late = on_roads(city, city.grid, lasting, 600.0, FRAME_S, 120.0)
    assert late["by_s"].tolist() == [480.0] and late["until_s"].isna().all(), "no known end is no end"
    short = burning(city, gas(city, 200.0, 300.0, 0.8, slice(4, 9)))
    assert on_roads(city, city.grid, short, 600.0, FRAME_S, 0.0).empty


def test_a_way_that_only_some_winds_reach_is_told_as_possible() -> None:
    city = with_roads(BOTH)
    seldom, some = (
        on_roads(city, city.grid, burning(city, gas(city, 0, 0, 0), p, 1200.0), 60.0, FRAME_S, 0.0) for p in (0.05, 0.2)
    )
    assert seldom.empty and not some["may_burn"].any() and (some["probability"] == 0.2).all()
    assert (some["by_s"] == 60.0).all() and some["until_s"].isna().all()


def test_what_streets_hold_counts_on_their_road() -> None:
    city = with_roads(BOTH)
    held = np.zeros((FRAMES, 2))
    held[3:, 1] = 0.7
    found = burning(city, gas(city, 0, 0, 0), in_streets=(held, held.max(axis=0)))
    table = on_roads(city, city.grid, found, 60.0, FRAME_S, 0.0)
    assert table["id"].tolist() == ["street-round"] and table["by_s"].tolist() == [180.0]


def test_from_when_to_when_gas_may_burn_on_a_road_and_from_when_on_it_is_known() -> None:
    """Half of the limit stands on the direct road from the fourth minute to the ninth; the run goes on from another of two minutes."""
    city = with_roads(BOTH)
    standing = burning(city, gas(city, 200.0, 300.0, 0.8, slice(4, 9)))
    for known_s, told in (
        (0.0, [0, 0, 2, 2, 2, 2, 2, 0]),
        (300.0, [0, 0, 1, 2, 2, 2, 2, 0]),
        (np.inf, [0, 0, 1, 1, 1, 1, 1, 0]),
    ):
        clock = Clock(CLOCK.start, 1080.0, 60.0)
        found = in_time(city, city.grid, standing, known_s, FRAME_S, 120.0, clock)
        assert found.sel(edge="direct").values[:8].tolist() == told and not found.sel(edge="round").any()
    wide = in_time(city, city.grid, standing, 0.0, FRAME_S, 0.0, Clock(CLOCK.start, 1200.0, 300.0))
    assert wide.sel(edge="direct").values.tolist() == [2, 2, 0, 0, 0], "any of an output step counts for all of it"
    assert not in_time(city, city.grid, None, 0.0, FRAME_S, 0.0, CLOCK).any()
    lasting = in_time(city, city.grid, burning(city, gas(city, 200.0, 300.0, 0.8)), 0.0, FRAME_S, 0.0, CLOCK)
    assert lasting.sel(edge="direct").all()


@pytest.mark.parametrize(("lines", "dose"), [(BOTH, 0.59), ({"direct": BOTH["direct"]}, 1.2)])
def test_no_way_out_leads_through_gas_that_may_burn(lines: dict, dose: float) -> None:
    """Poison at 1e-3 a second lies west of 400 m; gas that may burn, between 200 m and 300 m, bars the direct road (39 pieces of 10 s).

    The way round takes 59 pieces in the poison; without it one waits all the 20 minutes rather than go through.
    """
    city = with_roads(lines)
    ways = ways_of(city, 1.0, FRAME_S)
    assert ways is not None
    rate = np.zeros((FRAMES, *city.grid.shape))
    rate[:, :, city.grid.x < WEST + 400.0] = 1e-3
    row, col, _ = city.grid.cells([WEST + 10.0, WEST + 250.0], [NORTH - 10.0] * 2)
    spot, inside = (int(cell) for cell in row * city.grid.nx + col)
    burns = gas(city, 200.0, 300.0, 1.0) >= 0.5
    dry = water_on(ways, None, CRS, CLOCK, 0.0, None)
    free = Leaving(city.grid, rate, FRAME_S, 0, 1.0, ways, dry, None, [spot])
    barred = Leaving(city.grid, rate, FRAME_S, 0, 1.0, ways, dry, None, [spot, inside], (burns, None))
    assert free.of(spot, 0)[0][0] == pytest.approx(0.39) and barred.of(spot, 0)[0][0] == pytest.approx(dose, rel=0.05)
    assert barred.way_out(spot, 0)["way_clear"] and barred.way_out(spot, 0)["in_gas_s"] == 0.0
    out = barred.way_out(inside, 0)
    assert not out["way_clear"] and 0.0 < out["in_gas_s"] <= 60.0, "who is in the gas takes the shortest way out of it"


def test_a_gas_that_cannot_burn_has_no_such_way_and_one_that_does_has_them_where_it_is() -> None:
    clock = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
    chlorine, lpg = (
        Release(substance=name, site=site, mass_kg=2000.0, hole_mm=12.0, warned_min=2.0, wind_members=0).simulate(
            town(), wind(clock, {0.0: (1.5, 0.0)}), clock
        )
        for name, site in (("chlorine", "works/T1"), ("lpg", "s5"))
    )
    assert chlorine.tables["burning_ways"].empty and "may_burn" in chlorine.tables["burning_ways"]
    ways = lpg.tables["burning_ways"]
    assert ways["may_burn"].all() and (ways["lfl_share"] >= 0.5).all() and (ways["by_s"] >= 120.0).all() and len(ways)
    assert ways["lfl_share"].max() <= float(lpg.fields["flammable_share"].max()) + 1e-3


def test_who_leaves_keeps_off_roads_on_which_the_gas_may_burn() -> None:
    clock = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
    city, blown = homes.town(8), wind(clock, {0.0: (1.5, 0.0)})
    middle = str(city.roads["id"].iloc[len(city.roads) // 2])
    lpg = Release(substance="lpg", site=middle, mass_kg=8000.0, hole_mm=12.0, warned_min=2.0, wind_members=0)
    drivers = hand_on(blown, lpg, lpg.simulate(city, blown, clock))
    burns = drivers["gas_may_burn"]
    assert burns.max() == 2.0
    walk = Movement(zones="all", mean_delay_min=5.0)
    seen = handed(drivers, walk)
    blind = {name: field for name, field in seen.items() if name != "gas_may_burn"}
    kept, free = (walk.simulate(city, given, clock, (), stream(7, "movement")) for given in (seen, blind))
    late = burns.isel(time=slice(4, None)) == 2.0
    there, before = (f.fields["people_on_edge"].isel(time=slice(4, None)).where(late, 0.0).sum() for f in (kept, free))
    assert there < before and set(kept.tables["barred"]["id"]) == set(
        burns["edge"].values[(burns > 0.0).any("time").values]
    )
    assert dict(kept.notes)["barred"]["closed"] > 0 and "barred" not in dict(free.notes)


def test_a_run_that_goes_on_tells_of_the_same_roads() -> None:
    clock, city = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 1800.0, 300.0), town()
    blown = wind(clock, {0.0: (1.5, 0.0)})
    lpg = Release(
        substance="lpg", site="s5", mass_kg=8000.0, hole_mm=12.0, start_min=2.0, warned_min=9.0, wind_members=0
    )
    whole = lpg.simulate(city, blown, clock).fields["gas_may_burn"]
    half = lpg.simulate(city, blown, clock.first(600.0))
    later = lpg.simulate(city, blown, clock.after(600.0), state=half.state).fields["gas_may_burn"]
    assert {0.0, 1.0, 2.0} == set(np.unique(whole)) and np.array_equal(whole[2:], later)
    assert (whole.isel(time=1) < 2.0).all() and (whole.isel(time=3) != 1.0).all(), "known from the eleventh minute on"


def test_one_task_stops_the_traffic_of_a_way_and_drivers_and_walkers_are_told(tmp_path: Path) -> None:
    save_folder(town(), tmp_path / "town")
    (tmp_path / "leak.yaml").write_text(
        f"""schema: 1
name: {{zh: 小镇液化气泄漏, en: LPG in the town}}
city: {tmp_path / "town"}
start: 2026-06-20T18:00+08:00
hours: 1
forcing:
  wind: {{speed_m_s: 1.5, from_deg: 270}}
hazards:
  - release: {{substance: lpg, site: s5, mass_kg: 8000, hole_mm: 12, wind_members: 4, warned_min: 2}}
seed: 7
""",
        "utf-8",
    )
    plan = sc.draft_plan(execute(sc.load(tmp_path / "leak.yaml"), fresh=True))
    stops = [t for t in plan.tasks if t.code == "keep_off_way"]
    assert stops and len({t.place for t in stops}) == len(stops) and {t.unit for t in stops} == {"traffic_police"}
    assert not {t.place for t in stops} & {t.place for t in plan.tasks if t.code == "close_road"}
    assert any(t.level == "red" and t.evidence["lfl_share"] >= 0.5 for t in stops)
    fire = [t for t in plan.tasks if t.code == "no_spark"]
    assert {t.level for t in fire if t.evidence["may_burn"]} == {"red"}, "where it may burn is no blue task"
    sc.export(plan, tmp_path, ("cap",))
    told = {
        info.findtext(f"{{{NAMESPACE}}}instruction"): info.findtext(f"{{{NAMESPACE}}}responseType")
        for path in tmp_path.rglob("cap/*.xml")
        for info in etree.parse(path).getroot().iterfind(f"{{{NAMESPACE}}}info")
    }
    assert any("do not drive or walk here" in said and response == "Avoid" for said, response in told.items())
    assert any("不要驾车或步行进入" in said for said in told)


def test_a_task_that_says_as_much_of_a_place_takes_the_window_of_the_other_in() -> None:
    rules = {("release", rule.code): rule for rule in sheet("release").tasks}
    assert rules["release", "keep_off_way"].covers == ("close_road",)

    def task(code: str, place: str, first: int, last: int, level: str) -> Task:
        begins, ends = (datetime(2026, 6, 20, 10, m, tzinfo=UTC) for m in (first, last))
        return Task(
            id="", hazard="release", code=code, place=place, place_kind="road", place_name={"zh": place, "en": place},
            level=level, start=begins, end=ends, deadline=begins, known=begins, short_min=0.0, unit="traffic_police",
            trigger={"table": code}, evidence={"open_end": last == 50}, probability=None,
        )  # fmt: skip

    tasks = [
        task("close_road", "a", 5, 50, "orange"),
        task("keep_off_way", "a", 10, 30, "red"),
        task("close_road", "b", 7, 20, "red"),
    ]
    one, other = sorted(uncovered(tasks, rules), key=lambda t: t.place)
    assert (one.code, one.start.minute, one.end.minute, one.level) == ("keep_off_way", 5, 50, "red")
    assert one.evidence["open_end"] and (other.code, other.place) == ("close_road", "b")
