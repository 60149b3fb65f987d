"""Rain records as people have them: what cannot be true is refused, what is said in the scenario is read so."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import xarray as xr

from twin import words
from twin.errors import SourceError
from twin.rainfall import AS_WRITTEN, RainForm
from twin.readers.series import read_columns, read_rain, read_stage

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def record(
    tmp_path: Path, text: str | bytes, form: RainForm = AS_WRITTEN, name: str = "rain.csv", **said
) -> xr.DataArray:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rain(path, said.pop("tz", SHANGHAI), said.pop("unit", None), form, **said)


def refused(tmp_path: Path, text: str | bytes, form: RainForm = AS_WRITTEN, **said) -> SourceError:
    with pytest.raises(SourceError) as error:
        record(tmp_path, text, form, **said)
    for lang in words.LANGS:
        sentence = error.value.message(lang)
        assert "\n" not in sentence and str(tmp_path) in sentence
    return error.value


def windows(rain: xr.DataArray) -> list[tuple[str, float]]:
    """Beginning in Shanghai and rate in mm/h of each window."""
    local = rain.indexes["time"].tz_localize("UTC").tz_convert("Asia/Shanghai")
    return [(f"{t:%H:%M}", round(float(v) * 3.6e6, 6)) for t, v in zip(local, rain.values, strict=True)]


def depth(rain: xr.DataArray) -> float:
    seconds = np.diff(rain["time"].values) / np.timedelta64(1, "s")
    return float((rain.values[:-1] * seconds).sum() * 1000.0)


def rows(head: str, values: list[object], step: int = 5) -> str:
    times = [f"2026-06-20 {18 + k * step // 60:02d}:{k * step % 60:02d}" for k in range(len(values))]
    return head + "\n" + "\n".join(f"{t},{v}" for t, v in zip(times, values, strict=True)) + "\n"


COUNTER = [143.2, 143.6, 144.4, 145.6, 147.6, 150.8, 154.8, 158.0, 160.0, 161.2, 162.0, 162.4, 162.4]


def test_a_running_total_is_refused_unless_it_is_said_to_be_one_or_not(tmp_path: Path) -> None:
    text = rows("time,rain_mm", COUNTER)
    assert refused(tmp_path, text).code == "rain_counter"
    rain = record(tmp_path, text, RainForm(cumulative=True))
    assert depth(rain) == pytest.approx(19.2) and windows(rain)[:2] == [("18:00", 4.8), ("18:05", 9.6)]
    assert rain.attrs["notes"] == [("rain_counter", {"total": pytest.approx(19.2), "restarts": 0})]
    small = rows("time,rain_mm", [0, 0.2, 0.6, 1.4, 2.6, 4.6])
    assert refused(tmp_path, small).code == "rain_counter"
    assert depth(record(tmp_path, small, RainForm(cumulative=False))) == pytest.approx(9.4)
    assert depth(record(tmp_path, rows("time,累计雨量(mm)", COUNTER))) == pytest.approx(19.2), "the heading says it"


def test_a_counter_that_begins_anew_is_followed_and_one_that_falls_is_refused(tmp_path: Path) -> None:
    text = rows("time,rain_mm", [7.0, 7.0, 8.0, 8.0, 9.0, 9.5, 9.5, 10.0, 0.4, 0.4, 1.0, 2.0, 2.0, 3.0])
    assert refused(tmp_path, text).code == "rain_counter"
    rain = record(tmp_path, text, RainForm(cumulative=True))
    assert depth(rain) == pytest.approx(6.0) and rain.attrs["notes"][0][1]["restarts"] == 1
    odd = rows("time,rain_mm", [7.0, 8.0, 9.0, 8.9, 10.0])
    assert refused(tmp_path, odd, RainForm(cumulative=True)).code == "rain_counter_falls"


def test_a_storm_that_rises_and_falls_is_no_counter(tmp_path: Path) -> None:
    for values in ([0, 1, 2, 4, 6, 9, 5, 3, 1, 0], [0, 0, 0, 0, 0, 0, 0, 2], [1, 1, 1, 1, 1, 1, 1]):
        assert depth(record(tmp_path, rows("time,rain_mm", values))) == pytest.approx(sum(values))


@pytest.mark.parametrize("code", [3276.6, 32766, 999.9, 9999, 999999])
def test_a_mark_of_a_missing_value_is_no_rain(code: float, tmp_path: Path) -> None:
    text = rows("time,rain_mm", [4.5, code, 6.0], 60)
    assert refused(tmp_path, text).code == "rain_code"
    assert refused(tmp_path, text, RainForm(missing=(code,))).code == "rain_gap", "its rain is unknown, not none"
    dry = record(tmp_path, text, RainForm(missing=(code,), gaps="dry"))
    assert windows(dry) == [("18:00", 4.5), ("19:00", 0.0), ("20:00", 6.0), ("21:00", 0.0)]
    assert dry.attrs["notes"] == [("rain_gap_dry", {"minutes": 60.0, "time": "2026-06-20 19:00"})]
    held = record(tmp_path, text, RainForm(missing=(code,), gaps="held"))
    assert windows(held)[1] == ("19:00", 4.5) and held.attrs["notes"][0][0] == "rain_gap_held"


def test_a_negative_mark_and_an_empty_cell_are_missing_where_that_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path, rows("time,rain_mm", [4.5, -9999, 6.0], 60)).code == "rain_negative"
    assert refused(tmp_path, rows("time,rain_mm", [4.5, "", 6.0], 60)).code == "series_value"
    for value, missing in ((-9999, (-9999.0,)), ("", ())):
        text = rows("time,rain_mm", [4.5, value, 6.0], 60)
        assert depth(record(tmp_path, text, RainForm(missing=missing, gaps="dry"))) == pytest.approx(10.5)


def test_more_rain_than_was_ever_measured_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, rows("time,rain_mm", [4.5, 500.0, 6.0], 60))
    assert (error.code, error.values["record"]) == ("rain_record", 401) and error.values["minutes"] == 60
    assert error.values["found"] == pytest.approx(500.0)
    assert depth(record(tmp_path, rows("time,rain_mm", [4.5, 400.0, 6.0], 60))) == pytest.approx(410.5)
    assert refused(tmp_path, rows("time,rain_mm_h", [120, 900, 900, 0])).code == "rain_record", "75 mm in 5 minutes"
    assert refused(tmp_path, rows("time,rain_mm", [35.0] * 12 + [0.0])).code == "rain_record", "420 mm in an hour"
    assert depth(record(tmp_path, rows("time,rain_mm_h", [400, 400, 0]))) == pytest.approx(400 / 6)


SILENT = "time,rain_mm_h\n2026-06-20 18:00,6\n2026-06-20 18:05,{}\n2026-06-20 20:00,0\n2026-06-20 20:05,0\n"


def test_a_logger_that_is_silent_is_told(tmp_path: Path) -> None:
    error = refused(tmp_path, SILENT.format(60))
    assert (error.code, error.values["minutes"], error.values["time"]) == ("rain_gap", 110.0, "2026-06-20 18:05")
    dry = record(tmp_path, SILENT.format(60), RainForm(gaps="dry"))
    assert depth(dry) == pytest.approx(5.5) and windows(dry)[1:4] == [("18:05", 60.0), ("18:10", 0.0), ("20:00", 0.0)]
    held = record(tmp_path, SILENT.format(60), RainForm(gaps="held"))
    assert depth(held) == pytest.approx(115.5) and held.attrs["notes"][0] == (
        "rain_gap_held", {"minutes": 110.0, "time": "2026-06-20 18:05"},
    )  # fmt: skip
    still = record(tmp_path, SILENT.format(0))
    assert depth(still) == pytest.approx(0.5) and still.attrs["notes"][0][0] == "rain_still"


def test_a_gap_outside_the_run_is_nobody_s_business_and_uneven_rows_are_told(tmp_path: Path) -> None:
    day = np.datetime64("2026-06-20T12:00")
    rain = record(tmp_path, SILENT.format(60), run=(day, day + np.timedelta64(1, "h")))
    assert depth(rain) == pytest.approx(5.5) and rain.attrs["notes"] == []
    blocks = "time,rain_mm_h\n2026-06-20 18:00,30\n2026-06-20 18:30,60\n2026-06-20 20:00,0\n"
    rain = record(tmp_path, blocks)
    assert depth(rain) == pytest.approx(105.0)
    assert rain.attrs["notes"] == [("rain_uneven", {"least": 30.0, "most": 90.0})]


def test_values_at_the_end_of_their_time(tmp_path: Path) -> None:
    text = rows("time,rain_mm", [1.0, 2.0, 3.0], 60)
    assert windows(record(tmp_path, text, RainForm(stamps="end"))) == [
        ("17:00", 1),
        ("18:00", 2),
        ("19:00", 3),
        ("20:00", 0),
    ]
    assert windows(record(tmp_path, text, RainForm(interval_s=600.0, gaps="dry")))[:2] == [
        ("18:00", 6.0),
        ("18:10", 0.0),
    ]


SWMM = (
    ";comment\nA 2026 06 20 18 00 1.0\nB 2026 06 20 18 00 9.0\nA 2026 6 20 18 05 2.0\n  ;more\nA 2026 6 20 19 00 3.0\n"
)


def test_a_swmm_file_leaves_out_dry_steps_and_may_hold_several_stations(tmp_path: Path) -> None:
    assert refused(tmp_path, SWMM, name="r.dat").code == "rain_unit_unsaid"
    assert refused(tmp_path, SWMM, name="r.dat", unit="mm").code == "rain_station"
    rain = record(tmp_path, SWMM, name="r.dat", unit="mm", station="A")
    assert windows(rain) == [("18:00", 12), ("18:05", 24), ("18:10", 0), ("19:00", 36), ("19:05", 0)]
    assert depth(record(tmp_path, SWMM, name="r.dat", unit="in_h", station="A")) == pytest.approx(0.5 * 25.4)
    minute = record(tmp_path, SWMM, RainForm(interval_s=60.0), name="r.dat", unit="mm_h", station="A")
    assert windows(minute)[:2] == [("18:00", 1.0), ("18:01", 0.0)]


WRITTEN = {
    "semicolons": "\ufefftime;rain_mm\n20.06.2026 18:00;4,5\n20.06.2026 19:00;5,0\n20.06.2026 20:00;0\n",
    "tabs": "time\train_mm\n2026-06-20 18:00\t4.5\n2026-06-20 19:00\t5\n2026-06-20 20:00\t0\n",
    "gbk": "时间,雨量（mm）\n2026/6/20 18:00,4.5\n2026/6/20 19:00,5.0\n2026/6/20 20:00,0\n".encode("gb18030"),
    "utf-16": "Time\tRain (mm)\n2026-06-20 18:00\t4.5\n2026-06-20 19:00\t5\n2026-06-20 20:00\t0\n".encode("utf-16"),
    "serial": "time,rain_mm\n46193.75,4.5\n46193.7916667,5.0\n46193.8333333,0\n",
    "chinese": "观测时间,降水量(毫米)\n2026年6月20日18时,4.5\n2026年6月20日19时00分,5\n2026年6月20日20时,0\n",
    "day first": "time,rain_mm\n20/06/2026 18:00,4.5\n20/06/2026 19:00,5\n20/06/2026 20:00,0\n",
    "month first": "time,rain_mm\n6/20/2026 6:00 PM,4.5\n6/20/2026 7:00 PM,5\n6/20/2026 8:00 PM,0\n",
    "digits": "time,rain_mm\n202606201800,4.5\n202606201900,5\n202606202000,0\n",
    "two columns": "日期,时间,雨量(mm)\n2026-06-20,18:00,4.5\n2026-06-20,19:00,5\n2026-06-20,20:00,0\n",
    "utc": "时间(UTC),雨强(mm/h)\n2026-06-20 10:00,4.5\n2026-06-20 11:00,5\n2026-06-20 12:00,0\n",
    "beijing": "time (北京时),rain_mm\n2026-06-20 18:00,4.5\n2026-06-20 19:00,5\n2026-06-20 20:00,0\n",
}  # fmt: skip


@pytest.mark.parametrize("way", WRITTEN)
def test_tables_as_a_spreadsheet_leaves_them(way: str, tmp_path: Path) -> None:
    tz = NEW_YORK if way in ("utc", "beijing") else SHANGHAI
    rain = record(tmp_path, WRITTEN[way], tz=tz)
    assert windows(rain) == [("18:00", 4.5), ("19:00", 5.0), ("20:00", 0.0), ("21:00", 0.0)]


def test_24_o_clock_is_the_next_midnight_and_a_bare_day_its_first(tmp_path: Path) -> None:
    for midnight in ("2026-06-20 24:00", "2026/6/21"):
        text = f"time,rain_mm\n2026-06-20 23:00,4.5\n{midnight},5.0\n2026-06-21 01:00,0\n"
        assert windows(record(tmp_path, text))[:2] == [("23:00", 4.5), ("00:00", 5.0)]


UNREADABLE = {
    "series_day_month": "time,rain_mm\n06/05/2026 18:00,4.5\n07/05/2026 18:00,5\n",
    "series_cells": "time,rain_mm\n2026-06-20 18:00,4,5\n2026-06-20 18:05,5,0\n",
    "series_columns": "time,rein\n2026-06-20 18:00,4\n2026-06-20 18:05,5\n",
    "rain_columns": "time,rain_mm,rain_mm_h\n2026-06-20 18:00,4,48\n2026-06-20 18:05,5,60\n",
    "rain_unit_unsaid": "time,rainfall\n2026-06-20 18:00,4\n2026-06-20 18:05,5\n",
    "series_time": "time,rain_mm\n1781949600,4\n1781949900,5\n",
}  # fmt: skip


@pytest.mark.parametrize("code", UNREADABLE)
def test_what_can_be_read_in_two_ways_is_refused(code: str, tmp_path: Path) -> None:
    assert refused(tmp_path, UNREADABLE[code]).code == code


def test_a_column_and_a_unit_may_be_said(tmp_path: Path) -> None:
    text = "time,P1 (mm),P2 (mm)\n2026-06-20 18:00,4,1\n2026-06-20 19:00,5,2\n"
    assert depth(record(tmp_path, text, column="P2 (mm)")) == pytest.approx(3.0)
    text = "time,rainfall\n2026-06-20 18:00,4\n2026-06-20 18:30,5\n"
    assert depth(record(tmp_path, text, unit="mm_h")) == pytest.approx(4.5)


def test_an_hour_that_a_clock_shows_twice_or_never(tmp_path: Path) -> None:
    once = "time,rain_mm\n" + "".join(f"2026-11-01 0{k // 4}:{k % 4 * 15:02d},2.0\n" for k in range(2, 10))
    assert refused(tmp_path, once, tz=NEW_YORK).code == "series_clock_twice"
    assert depth(record(tmp_path, once, tz=timezone(timedelta(hours=-5)))) == pytest.approx(16.0)
    clock = ["00:30", "00:45", *["01:00", "01:15", "01:30", "01:45"] * 2, "02:00"]
    rain = record(tmp_path, "time,rain_mm\n" + "".join(f"2026-11-01 {t},2.0\n" for t in clock), tz=NEW_YORK)
    assert set(np.diff(rain["time"].values)) == {np.timedelta64(15, "m")}, "told apart by their order"
    spring = "time,rain_mm\n2026-03-08 01:30,2.0\n2026-03-08 02:00,2.0\n2026-03-08 02:30,2.0\n"
    assert refused(tmp_path, spring, tz=NEW_YORK).code == "series_clock_never"


def test_other_tables_are_read_by_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("时间;水位(m)\n20.06.2026 18:00;18,5\n20.06.2026 24:00;19,0\n".encode("gb18030"))
    stage = read_stage(tmp_path / "s.csv", SHANGHAI)
    assert stage.values.tolist() == [18.5, 19.0] and str(stage["time"].values[1])[:16] == "2026-06-20T16:00"
    (tmp_path / "s.csv").write_text("time,stage_m\n2026-06-20 18:00,18.5\n2026-06-20 19:00,999.9\n", "utf-8")
    with pytest.raises(SourceError) as error:
        read_stage(tmp_path / "s.csv", SHANGHAI)
    assert error.value.code == "series_code"
    (tmp_path / "w.csv").write_text("Time;speed\n2026-06-20 18:00;1,5\n2026-06-20 19:00;2,5\n", "utf-8")
    assert read_columns(tmp_path / "w.csv", SHANGHAI, {"speed": (0.0, 9.0)})["speed"].tolist() == [1.5, 2.5]
