"""Closing and reopening: the times of a hand-made series, and what holds for any."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hydro.variables import DURATION_ABOVE, FLOOD_DANGER, TIME_OF_MAX_DEPTH
from scenarios.case import hazards
from twin.exposure.closures import COLUMNS, closed_minutes, closures, standing
from twin.variables import conform

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
    up, down = pd.Timedelta(minutes=9), pd.Timedelta(minutes=1)  # 0.27 of 0.3 m after nine of ten minutes
    assert seen["closes"].tolist()[:4] == [TIMES[0] + up, TIMES[5] + up, TIMES[0] + up, TIMES[0]]
    assert seen["reopens"].tolist()[0] == TIMES[2] + 2 * down, "at the threshold after one minute, below it after two"
    assert seen["reopens"].tolist()[2] == TIMES[3] + 2 * down
    assert seen["reopens"].isna().tolist() == [False, True, False, True, True] and pd.isna(seen["closes"][4])
    assert seen["closed_s"].tolist() == pytest.approx([720.0, 60.0, 240.0, 3600.0, 0.0])
    assert seen["spells"].tolist() == [1, 1, 2, 1, 0]
    told = closed_minutes(seen[seen["closes"].notna()], TIMES[-1])
    assert told.tolist() == [13, 1, 4, 60], "from 10:09 to 10:22 in one spell; twice two minutes; to the end of the run"


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_linear_ramp_closes_and_reopens_to_the_minute(kind: type) -> None:
    """Up by 1 cm a minute for half an hour and down again: 0.15 m after 15 min, 0.155 m after 15 min 30 s."""
    minutes = np.arange(0, 61, 10)
    depth = (0.01 * np.minimum(minutes, 60 - minutes)).astype(kind)[:, np.newaxis].repeat(3, axis=1)
    seen = closures(depth, np.array([0.15, 0.155, 0.30]), TIMES)
    assert ((seen["closes"] - TIMES[0]) / pd.Timedelta(minutes=1)).tolist() == [15.0, 15.0, 30.0]
    assert ((seen["reopens"] - TIMES[0]) / pd.Timedelta(minutes=1)).tolist() == [46.0, 45.0, 31.0]
    assert seen["closed_s"].tolist() == pytest.approx([1800.0, 1740.0, 0.0], abs=1e-2)


@given(arrays(float, (7, 5), elements=st.floats(0, 1)), st.floats(0.01, 1))
def test_times_keep_within_the_steps_in_which_the_threshold_is_met(values: np.ndarray, bound: float) -> None:
    begins, ends = standing(values, np.full(5, bound), TIMES)
    for k, above in enumerate((values >= bound).T):
        if not above.any():
            assert pd.isna(begins[k]) and pd.isna(ends[k])
            continue
        first, last = above.argmax(), len(TIMES) - 1 - above[::-1].argmax()
        assert TIMES[max(first - 1, 0)] <= begins[k] <= TIMES[first] and begins[k].second == 0
        assert TIMES[last] <= ends[k] <= TIMES[min(last + 1, len(TIMES) - 1)] + pd.Timedelta(minutes=1)


def test_a_run_that_starts_off_the_minute_begins_no_closure_before_it() -> None:
    late = TIMES + pd.Timedelta(seconds=30)
    begins, ends = standing(np.array([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0], [0.5]]), np.array([0.5]), late)
    assert (begins[0], ends[0]) == (late[0], late[-1])


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
