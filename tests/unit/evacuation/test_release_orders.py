"""What people are told: one set of orders a block, time to get ready, gas that burns, tanks that hold the gas, poor fits."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from lxml import etree

import scenarios as sc
from evacuation.release.advice import choose
from evacuation.release.at_source import at_source
from evacuation.release.ignition import leads
from evacuation.release.locate.detected import FITS, Found
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from scenarios.case.hazards import sheet
from scenarios.runner.run import execute
from twin.blocks import Text
from twin.bridge.cap import NAMESPACE
from twin.clock import Clock
from twin.errors import ScenarioError
from twin.exposure import worst_colours
from twin.readers.city_folder import save_folder
from twin.sheet import COLOURS
from twin.words import say, written

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 7200.0, 300.0)
CAP = f"{{{NAMESPACE}}}"


@pytest.mark.parametrize(
    ("stay", "leave", "out", "told"),
    [
        (0.05, [0.0, 0.0, 0.0], 1, ("stay", "indoors_enough", -1)),
        (1.6, [0.88, 0.9, 1.2], 1, ("leave", "staying_harms", 1)),
        (26.0, [3.0, 4.0, 5.0], 1, ("stay", "both_harm", -1)),
        (0.32, [0.1, 0.17, 0.3], 1, ("stay", "no_time", -1)),
        (0.32, [0.2, 0.2, 0.2], 1, ("stay", "leaving_is_worse", -1)),
        (0.32, [0.1, 0.1, 0.1, 0.2], 1, ("leave", "leaving_halves", 2)),
        (0.32, [0.1, 0.1, 0.1], 3, ("stay", "run_ends", -1)),
        (0.32, [np.inf] * 3, 1, ("stay", "no_way", -1)),
    ],
)
def test_what_people_are_told_by_the_doses_of_both(stay: float, leave: list[float], out: int, told: tuple) -> None:
    assert choose(stay, np.array(leave), 0, out) == told


def run(substance_id: str, **changes):
    model = Release(substance=substance_id, wind_members=0, **changes)
    return model.simulate(town(), wind(CLOCK, {0.0: (1.5, 0.0)}), CLOCK)


def test_who_needs_longer_to_get_ready_is_told_to_leave_by_no_more_blocks() -> None:
    """The same leak: with a household ready at once a block leaves by 4400 s, with 75 minutes to get ready none does."""
    leak = {"site": "works/T1", "hole_mm": 14.0, "air_changes_shut": 3.0, "warned_min": 2.0}
    quick, slow = (run("chlorine", ready_min=m, **leak).tables["advice"] for m in (0.0, 75.0))
    for table, ready_s in ((quick, 0.0), (slow, 4500.0)):
        assert (table["lead_s"].notna() == (table["advice"] == "leave")).all() and set(table["lead_s"].dropna()) <= {
            ready_s
        }
    assert "leave" in set(quick["advice"]) and "leave" not in set(slow["advice"])
    assert "no_time" in set(slow["reason"]), "who were ready at once would have done well to leave"
    assert (quick["dose_stay"] <= quick["dose_shut"] + 1e-9).all(), "who airs in time collects no more"
    met = slow["people_share"] > 0.0
    assert met.any() and slow.loc[met, "part"].ne("").all()
    assert (slow.loc[met, "dose_middle"].dropna() <= slow.loc[met, "dose_outdoors"].max()).all()


def test_a_gas_that_burns_has_orders_in_shares_of_its_limit() -> None:
    found = run("lpg", site="b0", mass_kg=8000.0, hole_mm=12.0, warned_min=2.0)
    told = found.tables["advice"].set_index("id")
    burning = told[told["burns"].astype(bool)]
    assert (burning["lfl_share"] >= 0.1).all() and "leave" in set(burning["advice"])
    leaves = burning[burning["advice"] == "leave"]
    assert (leaves["lfl_share"] >= 0.5).all() and set(leaves["reason"]) == {"may_burn"}
    sparks = found.tables["sparks"]
    assert set(sparks["id"]) <= set(burning.index) and len(sparks) and (sparks["by_s"] >= 120.0).all()


def test_a_poison_that_also_burns_is_judged_as_a_poison() -> None:
    for name, burns in (("lpg", True), ("ammonia", False), ("chlorine", False)):
        gas = substance(name)
        assert leads(gas.flammable_kg_m3 or 0.0, limits_of(gas).curves[2]) is burns


def test_a_leak_is_known_when_people_are_warned_and_not_before() -> None:
    found = run("chlorine", site="works/T1", start_min=10.0, warned_min=7.0)
    assert found.tables["events"][["begins_s", "known_s"]].values.tolist() == [[600.0, 1020.0]]


@pytest.mark.parametrize(
    ("changes", "says"), [({"wind_members": 1}, "wind_members"), ({"start_min": 120.0}, "run ends at minute 120")]
)
def test_what_makes_no_sense_is_refused(changes: dict, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        replace(Release(substance="chlorine", site="works/T1", wind_members=0), **changes).simulate(
            town(), wind(CLOCK, {0.0: (1.5, 0.0)}), CLOCK
        )


def sought(within_two: float, south_m: float = 1010.0) -> Found:
    """Return a source found 310 m east and so far south of the corner; the tank is 10 m from the place unless said."""
    samples = pd.DataFrame(
        {"x": WEST + 310.0 + np.zeros(10), "y": NORTH - south_m + np.arange(10.0), "rate": np.ones(10)}
    )
    posterior = SimpleNamespace(
        samples=samples, sources=[samples], places=[(WEST + 310.0, NORTH - south_m)], guessed=False, left_out=0,
        within_two=within_two,
    )  # fmt: skip
    faults = pd.DataFrame({"sensor": [], "fault": [], "readings": []})
    return Found(posterior, 0.0, 600.0, 20, 5, faults, (), substance("chlorine"))


def test_a_tank_of_another_substance_is_no_suspect() -> None:
    base = town()
    petrol = base.facilities.assign(
        id="works/P1", substance="petrol", geometry=[shapely.Point(WEST + 311, NORTH - 1010)]
    )
    both = replace(base, facilities=gpd.GeoDataFrame(pd.concat([base.facilities, petrol], ignore_index=True), crs=CRS))
    assert sought(0.9).suspects(both)["id"].tolist() == ["works/T1"]


def at_source_of(city, found: Found, reach_m: float = 203.0) -> pd.DataFrame:
    start = pd.Timestamp(CLOCK.times[0])
    tanks = pd.DataFrame({"id": ["detected"], "held": "", "out_kg": 100.0, "most_kg_s": 0.2})
    events = pd.DataFrame({"id": ["detected"], "begins_s": 0.0, "known_s": 600.0})
    blown = pd.DataFrame({"time": [start], "speed_m_s": 2.0, "from_deg": 270.0})
    life = pd.Series({"reach_m": reach_m, "at_rim": False})
    return at_source(tanks, events, found.tables(city), blown, start, life)


def test_a_source_that_is_sought_where_no_tank_is_has_crews_look_near_the_place() -> None:
    """The tank lies 600 m north of the place found: the road nearest to it is where to look, cordoned off wider by its distance."""
    city = town()
    (row,) = at_source_of(city, sought(0.9, 1610.0)).to_dict("records")
    away = city.roads.geometry.distance(shapely.Point(WEST + 310.0, NORTH - 1610.0))
    assert row["id"] == str(city.roads["id"].iloc[int(away.argmin())]) and row["away_m"] == round(away.min())
    assert not row["known"] and not row["at_tank"] and row["cordon"] and row["share"] == 100.0
    assert row["radius_m"] == 8.0 and row["within_m"] == str(10 * math.ceil((203.0 + away.min()) / 10.0))
    assert row["by_s"] == 600.0 and row["upwind_deg"] == 270.0
    (near,) = at_source_of(city, sought(0.9)).to_dict("records")
    assert near["id"] == "works/T1" and near["at_tank"] and near["within_m"] == "210"
    bare = replace(city, roads=city.roads.iloc[:0])
    assert at_source_of(bare, sought(0.9, 1610.0))["id"].isin(bare.blocks["id"].astype(str)).all()
    seek = next(rule for rule in sheet("release").tasks if rule.code == "seek_leak")
    assert all(row[column] == value for column, value in seek.where.items())
    for lang in ("en", "zh"):
        assert "{" not in say("evidence.release.seek_leak", lang=lang, **row, upwind="W")


def test_no_danger_to_life_is_no_cordon() -> None:
    assert not at_source_of(town(), sought(0.9, 1610.0), np.nan)["cordon"].any()


def test_readings_that_the_source_does_not_explain_are_told() -> None:
    good, poor = sought(FITS + 0.01), sought(FITS - 0.01)
    assert "search_poor" not in dict(good.notes()) and "search_poor" in dict(poor.notes())
    assert poor.tables(town())["fit"]["poor"].tolist() == [True]


def test_rescue_asks_people_to_stay() -> None:
    rule = next(rule for rule in sheet("release").tasks if rule.code == "rescue_block")
    assert rule.asks == "stay" and "leave" in rule.excludes


def test_how_bad_a_facility_gets_is_its_colour() -> None:
    leak = run("chlorine", site="works/T1", hole_mm=12.0)
    tank = town().facilities
    shelters = tank.assign(kind="shelter", capacity=100)
    near = shelters.assign(id="near", geometry=[shapely.Point(WEST + 500, NORTH - 1010)])
    far = shelters.assign(id="far", geometry=[shapely.Point(WEST + 100, NORTH - 100)])
    city = replace(town(), facilities=gpd.GeoDataFrame(pd.concat([tank, near, far], ignore_index=True), crs=CRS))
    colour = worst_colours(city, leak.fields, sheet("release"))
    assert float(colour.sel(place="near")) >= 1 + COLOURS.index("orange") and float(colour.sel(place="far")) == 0.0


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> sc.Case:
    folder = tmp_path_factory.mktemp("orders")
    save_folder(town(), folder / "town")
    (folder / "leak.yaml").write_text(
        f"""schema: 1
name: {{zh: 小镇氯气泄漏, en: Chlorine in the town}}
city: {folder / "town"}
start: 2026-06-20T18:00+08:00
hours: 1
forcing:
  wind: {{speed_m_s: 1.0, from_deg: 270}}
hazards:
  - release: {{substance: chlorine, site: works/T1, hole_mm: 40, wind_members: 4, direction_sd_deg: 40, air_changes_shut: 20, air_changes_open: 30}}
seed: 7
""",
        "utf-8",
    )
    return sc.load(folder / "leak.yaml")


def test_a_block_has_one_set_of_orders_and_messages_say_them(leak: sc.Case, tmp_path: Path) -> None:
    done = execute(leak, fresh=True)
    plan = sc.draft_plan(done)
    asks = {rule.code: rule.asks for rule in sheet("release").tasks}
    for block in {t.place for t in plan.tasks if t.place_kind == "block"}:
        told = {asks[t.code] for t in plan.tasks if t.place == block} - {""}
        assert len(told) == 1, block
    rescued = {t.place for t in plan.tasks if t.code == "rescue_block"}
    assert rescued and rescued <= {t.place for t in plan.tasks if t.code == "stay_inside"}
    assert not plan.conflicts and min(t.deadline for t in plan.tasks) >= plan.made + pd.Timedelta(minutes=10)
    sc.export(plan, tmp_path, ("cap",))
    said: dict[str, str] = {}
    for path in tmp_path.rglob("cap/*.xml"):
        for info in etree.parse(path).getroot().iterfind(f"{CAP}info"):
            names = [area.findtext(f"{CAP}areaDesc") for area in info.iterfind(f"{CAP}area")]
            if info.findtext(f"{CAP}language") == "en":
                said |= dict.fromkeys(names, info.findtext(f"{CAP}instruction"))
    blocks = {t.place_name["en"] for t in plan.tasks if asks[t.code] and t.place_kind == "block"}
    assert blocks <= set(said), "who is told to stay has a message, also where only some winds bring the cloud"
    assert all(f"{name}: stay inside" in said[name] and "18:" in said[name] for name in blocks)


def test_the_first_page_names_gas_tank_and_wind_and_the_map_marks_the_source(leak: sc.Case) -> None:
    (section,) = sc.sections(execute(leak))
    texts = [block.said for block in section.headline if isinstance(block, Text)]
    text = " ".join(str(said.values) for said in texts if hasattr(said, "values"))
    assert "Chlorine" in text and "一号罐" in text and "1.0" in text
    assert "Danger to life (AEGL-3)" in " ".join(written(said, "en") for said in texts)
    (mark,) = section.marks
    assert (mark.x, mark.y) == (WEST + 300.0, NORTH - 1010.0) and mark.toward_deg == pytest.approx(90.0)


def test_no_place_has_a_colour_and_none_closes_before_the_leak(leak: sc.Case) -> None:
    """It begins within an output step, between two times; half of the colours would have stood before it."""
    hazard = {**leak.scenario.hazards[0]["release"], "start_min": 13.0}
    done = execute(leak.with_changes(hazards=[{"release": hazard}]), fresh=True)
    begins = pd.Timestamp("2026-06-20T10:13")
    seen = done.exposure["release"]
    first = seen.places["first_blue"].dropna()
    assert len(first) and first.min() == begins and done.levels["from"].min() == begins
    assert (seen.places["last_blue"].dropna() > begins).all()
    assert seen.roads["closes"].dropna().min() >= begins and seen.closures["closes"].min() >= begins
