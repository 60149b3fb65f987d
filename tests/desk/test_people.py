"""People as dots: those of the last frame at a moment, on the map whatever level they stand on, and the clock that shows them."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from desk import people
from twin.city import City
from twin.clock import Clock

START = pd.Timestamp("2026-06-20T18:00", tz="Asia/Shanghai").to_pydatetime()
CLOCK = Clock(START, 60.0, 30.0)


def kept(city: City, per_s: int = 2, seconds: int = 3, levels: int = 2) -> SimpleNamespace:
    """Two people, one of them on the upper level, who go a metre east in each frame; the upper level lies 40 m east of the lower."""
    west, south = city.grid.bounds[:2]
    rows = [
        {"id": k, "frame": frame, "x": 5.0 + frame + 40.0 * k, "y": 7.0}
        for frame in range(per_s * seconds + 1)
        for k in range(levels)
    ]
    about = {
        "frames_per_s": per_s,
        "west_m": west + 100.0,
        "south_m": south + 100.0,
        "levels": " ".join(str(k - 1) for k in range(levels)),
        "level_span_m": 40.0,
    }
    sheet = SimpleNamespace(id="walk", name={"zh": "人", "en": "Walkers <b>"})
    return SimpleNamespace(sheet=sheet, tables={"tracks": pd.DataFrame(rows), "tracks_about": pd.DataFrame([about])})


def drawn(layer: object) -> list[dict[str, object]]:
    """Return the dots of a layer whose data are in its own address, as they are without a server."""
    return list(json.loads(base64.b64decode(str(layer.data).split(",", 1)[1])))  # type: ignore[attr-defined]


def test_a_moment_shows_the_last_frame_before_it_and_folds_the_levels(small_city: City) -> None:
    section = kept(small_city)
    layer, legend = people.dots(small_city, section, CLOCK, CLOCK.times.values[0] + np.timedelta64(1700, "ms"), "en")
    west, south = small_city.grid.bounds[:2]
    lon, lat = small_city.grid.lonlat([west + 108.0], [south + 107.0])
    dots = drawn(layer)
    assert len(dots) == 2 and dots[0]["colour"] != dots[1]["colour"]
    for dot in dots:
        assert dot["at"] == pytest.approx([float(lon[0]), float(lat[0])], abs=2e-7), (
            "both stand at the same place of the map"
        )
    assert "Walkers &lt;b&gt;" in legend and "-1: &lt;10" in legend and "0: &lt;10" in legend


def test_after_the_last_frame_nobody_is_shown_as_if_he_stood_there_still(small_city: City) -> None:
    layer, _ = people.dots(small_city, kept(small_city), CLOCK, CLOCK.times.values[-1], "zh")
    assert drawn(layer) == []


def test_the_clock_has_whole_seconds_and_not_too_many(small_city: City) -> None:
    times = people.moments([kept(small_city)], CLOCK)
    assert (np.diff(times) == np.timedelta64(1, "s")).all() and len(times) == 4
    long = people.moments([kept(small_city, per_s=1, seconds=3000, levels=1)], CLOCK)
    assert len(long) <= people.MOST_MOMENTS + 1 and long[-1] <= CLOCK.times.values[0] + np.timedelta64(3000, "s")
    assert len(people.moments([], CLOCK)) == 0 == len(people.followed([SimpleNamespace(tables={})]))
