"""What the report says of a run: what drove it, in both languages, over the whole run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import xarray as xr
from lxml import html

import scenarios as sc
from twin.bridge import drive_chart
from twin.bridge.drives import held
from twin.clock import Clock
from twin.readers.city_folder import open_folder, save_folder
from twin.variables import ATTENDANCE, RAIN_RATE, RIVER_STAGE, Variable, conform_array

STAGE = """time,stage_m
2026-06-20 17:00,17.5
2026-06-20 18:10,18.0
2026-06-20 18:20,18.4
2026-06-20 18:30,25.0
"""


def rows(run: sc.Run) -> list[list[str]]:
    """Return the cells of the table of what drives a run."""
    page = html.fromstring((run.folder / "report.html").read_text("utf-8"))
    table = page.xpath("//h2[contains(., 'What drives it')]/following-sibling::table[1]")[0]
    return [[" ".join(cell.itertext()) for cell in row] for row in table.xpath(".//tr[td]")]


def test_rain_stage_and_measures_are_told_with_their_times_and_values(storm: Path) -> None:
    (storm.parent / "stage.csv").write_text(STAGE, "utf-8")
    measures = [
        {"kind": "inlets", "place": "*", "end": "18:20", "values": {"open_share": 0.25}},
        {"kind": "pump", "place": "u1", "start": "18:10", "values": {"flow_m3_s": 0.3}},
        {"kind": "close_road", "place": "r1", "start": "18:05", "values": {}},
    ]
    rain = {"mm_h": 36.0, "hours": 0.25, "begins": "18:05"}
    forcing = {"rain": rain, "river_stage": {"gauge": "stage.csv"}}
    seen = rows(sc.run(sc.load(storm).with_changes(hours=0.5, forcing=forcing, measures=measures)))
    assert [row[2:4] for row in seen] == [
        ["18:05", "18:20"],
        ["18:00", "18:30"],
        ["18:00", "18:20"],
        ["18:10", "18:30"],
        ["18:05", "18:30"],
    ]
    assert seen[0][4] == (
        "雨量9.0毫米(降雨0.25小时),最大雨强36.0毫米/小时(18:05) 9.0 mm in 0.25 h of rain, at most 36.0 mm/h at 18:05"
    )
    assert "起始17.50米,最低17.50米,最高18.40米(18:20)" in seen[1][4], "the value that begins at the end drives nothing"
    assert "17.50 m at the start, lowest 17.50 m, highest 18.40 m at 18:20" in seen[1][4]
    assert seen[2][:2] == ["雨水口清理或堵塞 Inlets cleaned or clogged", "全市 Whole city"]
    assert "0.25" in seen[2][4]
    assert seen[3][1] == "长街下穿 Long Street underpass" and "0.3 m³/s" in seen[3][4]
    assert seen[4][0] == "封闭道路 Road closed" and seen[4][4] == "–"


def test_a_constant_stage_and_a_breach_are_told(small_folder: Path, storm: Path, tmp_path: Path) -> None:
    city = open_folder(small_folder)
    line = shapely.LineString([(500_300, 3_399_500), (500_700, 3_399_500)])
    levees = gpd.GeoDataFrame({"id": ["l1"], "crest_m": [26.0]}, geometry=[line], crs=city.grid.crs)
    save_folder(replace(city, levees=levees), tmp_path / "with-levee")
    breach = {
        "kind": "breach",
        "place": "l1",
        "start": "18:10",
        "values": {"width_m": 60, "bottom_m": 20.5, "at": 0.5, "minutes": 10},
    }
    case = sc.load(storm).with_changes(
        city=str(tmp_path / "with-levee"), hours=0.5, forcing={"river_stage": 18.25}, measures=[breach]
    )
    stage, cut = rows(sc.run(case))
    assert stage[4] == "18.25米,保持不变 18.25 m, constant"
    assert cut[0] == "堤防溃口 Levee breach" and cut[1:4] == ["l1", "18:10", "18:30"]
    assert "60 m wide, bottom at 20.5 m, at 0.5 of its length" in cut[4] and "宽60米,底高程20.5米" in cut[4]


@pytest.mark.parametrize("hours", [1.0, 3.0])
def test_what_is_drawn_spans_the_run(hours: float) -> None:
    """Two hours of rain from an hour before the start, on a run that is shorter and one that is longer."""
    times = pd.DatetimeIndex(["2026-06-20 09:00", "2026-06-20 10:30", "2026-06-20 11:00"])
    drivers = {
        "river_stage": conform_array(xr.DataArray([18.0], {"time": times[:1]}), RIVER_STAGE),
        "rain_rate": conform_array(xr.DataArray([1e-5, 2e-5, 0.0], {"time": times}), RAIN_RATE),
    }
    clock = Clock(pd.Timestamp("2026-06-20 10:00", tz="UTC").to_pydatetime(), 3600.0 * hours, 300.0)
    rain, stage = (curve.values for curve in held(drivers, clock))
    for part in (rain, stage):
        assert (part.index[0], part.index[-1]) == (clock.times[0], clock.times[-1])
    assert rain.iloc[0] == pytest.approx(36.0) and rain.max() == pytest.approx(72.0)
    assert rain.iloc[-1] == pytest.approx(72.0 if hours == 1.0 else 0.0)
    assert (stage == 18.0).all()


def test_a_run_past_midnight_tells_the_date_with_every_time(storm: Path) -> None:
    """Two showers, one before and one after midnight, are told as two hours of rain with their dates."""
    (storm.parent / "rain.csv").write_text(
        "time,rain_mm_h\n2026-06-20 17:00,0\n2026-06-20 19:00,60\n2026-06-20 20:00,0\n2026-06-21 00:30,60\n"
        "2026-06-21 01:30,0\n", "utf-8",
    )  # fmt: skip
    hazards = [{"flood": {"cell_m": 20, "drainage": "none"}}]
    run = sc.run(
        sc.load(storm).with_changes(
            hours=9, output_minutes=30, forcing={"rain": {"gauge": "rain.csv"}}, hazards=hazards
        )
    )
    rain = rows(run)[0]
    assert rain[2:4] == ["06-20 19:00", "06-21 01:30"] and "120.0 mm in 2 h of rain" in rain[4]
    page = (run.folder / "report.html").read_text("utf-8")
    deadline = sc.draft_plan(run).tasks[-1].deadline.astimezone(run.case.city.tz)
    assert f"<b>{deadline:%m-%d %H:%M}</b>" in page


def test_the_report_says_what_the_inlets_and_the_soil_are_taken_to_do(storm: Path) -> None:
    hazards = [{"flood": {"cell_m": 10, "inlet_open_share": 0.4}}]
    page = (sc.run(sc.load(storm).with_changes(hazards=hazards)).folder / "report.html").read_text("utf-8")
    for words in (
        "雨水口开启率40%",
        "40 % of each inlet is open",
        "The pores of the soil are 50 % full before the rain (assumed)",
        "雨前土壤孔隙有50%已被水充满(假定)",
    ):
        assert words in page


def test_the_report_of_an_approved_plan_says_so(storm: Path, tmp_path: Path) -> None:
    plan = sc.draft_plan(sc.run(sc.load(storm)))
    (draft,) = sc.export(plan, tmp_path / "a", formats=("html",))
    (approved,) = sc.export(sc.approve(plan.id, actor="值班室"), tmp_path / "b", formats=("html",))
    assert "needs the duty officer" in draft.read_text("utf-8")
    text = approved.read_text("utf-8")
    assert "needs the duty officer" not in text and "已批准" in text and "dispatches nothing" in text


def test_every_kind_of_forcing_has_its_row_and_its_place_in_the_chart(small_folder: Path, storm: Path) -> None:
    city = open_folder(small_folder)
    at = [shapely.Point(500_500, 3_399_745)]
    gas = {"id": ["gas-1"], "kind": ["gas"], "name_zh": ["南门探头"], "name_en": ["South gate probe"]}
    save_folder(replace(city, sensors=gpd.GeoDataFrame(gas, geometry=at, crs=city.grid.crs)), storm.parent / "sensed")
    forcing = {
        "rain": {"mm_h": 36.0, "hours": 0.25},
        "wind": [
            {"at": "18:00", "speed_m_s": 4.0, "from_deg": 350},
            {"at": "18:10", "speed_m_s": 0, "from_deg": 0},
            {"at": "18:20", "speed_m_s": 6.5, "from_deg": 10},
        ],
        "weather": {"temperature_c": 31.5, "humidity_percent": 80},
        "attendance": [{"place": "h1", "persons": 1500}, {"place": "s1", "persons": 3}],
        "detectors": [{"sensor": "gas-1", "at": f"18:{k}0", "ppm": 10 * k} for k in (1, 2)],
        "counts": [{"sensor": "gas-1", "at": at, "persons": 40} for at in ("2026-06-20T17:50", "18:50")],
    }
    run = sc.run(sc.load(storm).with_changes(city=str(storm.parent / "sensed"), hours=0.5, forcing=forcing))
    seen = {row[0]: row[1:] for row in rows(run)}
    assert next(iter(seen)) == "降雨 Rain"
    assert seen["风 Wind"][:3] == ["全市 Whole city", "18:00", "18:30"]
    assert seen["风 Wind"][3] == (
        "起始4.0米/秒,来自350°;最小静风(18:10);最大6.5米/秒,来自10°(18:20) "
        "4.0 m/s from 350° at the start, weakest calm at 18:10, strongest 6.5 m/s from 10° at 18:20"
    )
    assert seen["气温 Air temperature"][3] == "31.5°C,保持不变 31.5 °C, constant"
    assert "80 %, constant" in seen["相对湿度 Relative humidity"][3]
    people = [row for row in rows(run) if row[0] == "在场人数 Attendance"]
    assert [row[1] for row in people] == ["一医院 First Hospital", "中学避难所 School shelter"]
    assert "1,500 persons, constant" in people[0][4] and "<10人" in people[1][4]
    read = seen["探测器体积分数 Detected share of volume"]
    assert read[:3] == ["南门探头 South gate probe", "18:10", "18:20"]
    assert read[3].endswith("2 readings, lowest 10 ppm, highest 20 ppm at 18:20")
    assert seen["实时人数 People counted"][3] == "情景时段内没有读数 no reading within the run"


def test_a_driver_of_an_unknown_tag_is_told_too(small_city) -> None:
    clock = Clock(pd.Timestamp("2026-06-20 10:00", tz="UTC").to_pydatetime(), 3600.0, 300.0)
    noise = Variable("noise", "dB", ("time",), "噪声", "noise")
    array = conform_array(xr.DataArray([60.0, 70.0], {"time": clock.times[[0, 6]]}), noise)
    (curve,) = held({"noise": array}, clock)
    assert curve.label == {"zh": "噪声", "en": "Noise"} and curve.unit == "dB" and not curve.tags
    assert curve.values.tolist() == [60.0, 70.0, 70.0]
    assert drive_chart.chart([curve], small_city)
    steady = held({"noise": array[:1]}, clock)
    assert drive_chart.chart(steady, small_city) is None, "what stays the same is told, not drawn"


def test_the_chart_of_people_present_falls_to_nobody_but_hides_a_few(small_city) -> None:
    clock = Clock(pd.Timestamp("2026-06-20 10:00", tz="UTC").to_pydatetime(), 3600.0, 300.0)

    def drawn(last: float) -> bytes | None:
        values = xr.DataArray([[500.0], [last]], {"time": clock.times[[0, 6]], "place": ["h1"]})
        return drive_chart.chart(held({"attendance": conform_array(values, ATTENDANCE)}, clock), small_city)

    assert drawn(5.0) == drawn(9.0), "fewer than ten are not drawn"
    assert drawn(0.0) != drawn(5.0), "that nobody is left is"
