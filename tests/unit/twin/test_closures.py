"""Closing and reopening: the times of a hand-made series, and what holds for any."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenarios.case import hazards
from twin.closures import COLUMNS, closures
from twin.variables import DURATION_ABOVE, FLOOD_DANGER, TIME_OF_MAX_DEPTH, conform

TIMES = pd.date_range("2026-06-20 10:00", periods=7, freq="10min")


def test_a_place_closes_reopens_and_may_stay_closed() -> None:
    values = np.array(
        [
            [0.0, 0.0, 0.0, 0.3, 0.1],
            [0.3, 0.0, 0.3, 0.3, 0.1],
            [0.3, 0.0, 0.0, 0.3, 0.1],
            [0.0, 0.0, 0.3, 0.3, 0.1],
            [0.0, 0.0, 0.0, 0.3, 0.1],
            [0.0, 0.0, 0.0, 0.3, 0.1],
            [0.0, 0.3, 0.0, 0.3, 0.1],
        ]
    )
    seen = closures(values, np.array([0.27, 0.27, 0.27, 0.27, np.inf]), TIMES)
    assert seen["closes"].tolist()[:4] == [TIMES[1], TIMES[6], TIMES[1], TIMES[0]]
    assert seen["reopens"].tolist()[0] == TIMES[3] and seen["reopens"].tolist()[2] == TIMES[4]
    assert seen["reopens"].isna().tolist() == [False, True, False, True, True] and pd.isna(seen["closes"][4])
    assert seen["closed_s"].tolist() == [1200.0, 0.0, 1200.0, 3600.0, 0.0]
    assert seen["spells"].tolist() == [1, 1, 2, 1, 0]


def test_nothing_to_close_gives_an_empty_table() -> None:
    seen = closures(np.zeros((7, 0)), np.zeros(0), TIMES)
    assert len(seen) == 0 and tuple(seen.columns) == COLUMNS


@given(arrays(float, (7, 4), elements=st.floats(0, 1)), st.floats(0.01, 1), st.floats(0.0, 0.5))
def test_a_lower_threshold_never_closes_later_or_shorter(values: np.ndarray, bound: float, less: float) -> None:
    strict, loose = (closures(values, np.full(4, b), TIMES) for b in (bound, bound * (1 - less)))
    both = strict["closes"].notna()
    assert (loose["closes"][both] <= strict["closes"][both]).all()
    assert (loose["closed_s"] >= strict["closed_s"]).all()
    open_again = strict["reopens"].notna()
    assert (strict["reopens"] > strict["closes"])[open_again].all()
    assert (strict["closed_s"] <= (TIMES[-1] - TIMES[0]).total_seconds()).all()


def test_what_was_reached_is_annotated_and_drawn_in_its_unit() -> None:
    space = {"y": [25.0, 15.0], "x": [5.0, 15.0]}
    fields = xr.Dataset(
        {
            "duration_above": (("depth_bound", "y", "x"), np.array([[[60.0, 0], [0, 0]], [[30.0, 0], [0, 0]]])),
            "time_of_max_depth": (("y", "x"), np.array([[120.0, -1.0], [0.0, -1.0]])),
            "flood_danger": (("y", "x"), np.array([[6, 0], [1, 2]], np.uint8)),
        },
        coords={"depth_bound": [0.15, 0.27], **space},
    )
    conform(fields, DURATION_ABOVE, TIME_OF_MAX_DEPTH, FLOOD_DANGER)
    assert fields["flood_danger"].attrs["flag_meanings"].split()[3] == "H3"
    assert fields["flood_danger"].attrs["flag_values"] == list(range(7)) and "-1" in fields.time_of_max_depth.comment
    long = next(layer for layer in hazards.sheet("flood").layers if layer.variable == "duration_above")
    assert float(long.of(fields).max()) == 0.5, "minutes at 0.27 m"
