"""Peaks and colours of places where the hazard keeps the highest value of every step, beside its output times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenarios.case import hazards
from twin.city import City
from twin.exposure import expose
from twin.exposure.closures import COLUMNS
from twin.grade import grade
from twin.sheet import COLOURS

TIMES = pd.date_range("2026-06-20 10:00", periods=5, freq="5min")


def flooded(city: City, depths: np.ndarray, highest: float | None) -> xr.Dataset:
    """Return fields in which the street's rows stand at `depths` (time) and have stood at `highest` between them."""
    space, ground = {"y": city.grid.y, "x": city.grid.x}, np.zeros(city.grid.shape, np.float32)
    ground[20:32, :] = 1.0
    fields = xr.Dataset(
        {
            "water_depth": (("time", "y", "x"), (depths[:, None, None] * ground).astype(np.float32)),
            "flood_danger": (("y", "x"), np.zeros(city.grid.shape, np.uint8)),
        },
        coords={"time": TIMES[: len(depths)], **space},
    )
    return fields if highest is None else fields.assign(max_water_depth=(("y", "x"), (highest * ground)))


def test_a_spike_between_two_output_times_gives_the_colour_and_the_peak(small_city: City) -> None:
    """0.10, 0.20, 0.22, 0.12, 0.05 m at the output times, 0.65 m between two of them: red, not blue."""
    sheet, depths = hazards.sheet("flood"), np.array([0.10, 0.20, 0.22, 0.12, 0.05])
    calm = expose(small_city, flooded(small_city, depths, None), sheet)
    seen = expose(small_city, flooded(small_city, depths, 0.65), sheet)
    levels = grade(seen, sheet).set_index("place")
    assert grade(calm, sheet).set_index("place").loc["h1", "level"] == "blue"
    hospital = levels.loc["h1"]
    assert hospital["level"] == "red" and hospital["peak"] == pytest.approx(0.65) and not hospital["open_end"]
    assert hospital["peak_time"] == TIMES[2], "the output time at which it stands highest"
    assert hospital["from"] <= hospital["reached"] <= hospital["peak_time"] <= hospital["until"]
    assert TIMES[1] <= hospital["reached"] and hospital["until"] < TIMES[4]
    road = seen.closures.set_index("id").loc["street-r0"]
    assert road["peak"] == pytest.approx(0.65) and TIMES[1] <= road["closes"] < TIMES[2] < road["reopens"] < TIMES[3]
    assert seen.roads["peak"].tolist() == pytest.approx([0.65] * 5) and seen.roads["closes"].notna().all()
    for of in ("people", "buildings", "roads"):
        pd.testing.assert_frame_equal(seen.counts["depth"][of], calm.counts["depth"][of])


@settings(max_examples=25, deadline=None)
@given(arrays(float, 5, elements=st.floats(0, 1)), st.floats(0, 1))
def test_times_never_contradict_the_colour(small_city: City, depths: np.ndarray, above: float) -> None:
    sheet = hazards.sheet("flood")
    highest = float(depths.max()) + above
    seen = expose(small_city, flooded(small_city, depths, highest), sheet)
    for row in grade(seen, sheet).to_dict("records"):
        assert row["peak"] == pytest.approx(highest, rel=1e-6) and row["peak"] >= row["threshold"]
        assert row["from"] <= row["reached"] <= row["peak_time"] <= row["until"]
        higher = COLOURS[COLOURS.index(row["level"]) + 1 :]
        assert all(highest < sheet.rules[row["kind"]].threshold(colour) + 1e-6 for colour in higher)
    shut = seen.closures
    assert ((shut["closes"] <= shut["peak_time"]) & ~(shut["reopens"] < shut["peak_time"])).all()


def test_a_hazard_without_highest_values_is_told_from_its_output_times(small_city: City) -> None:
    sheet = hazards.sheet("flood")
    fields = flooded(small_city, np.array([0.0, 0.3, 0.1]), None)
    same = flooded(small_city, np.array([0.0, 0.3, 0.1]), 0.3)
    one, other = (expose(small_city, f, sheet) for f in (fields, same))
    pd.testing.assert_frame_equal(one.closures, other.closures)
    pd.testing.assert_frame_equal(one.roads[["peak", *COLUMNS]], other.roads[["peak", *COLUMNS]])
