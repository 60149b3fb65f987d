"""What the benchmarks rest on: the shared rain and the judgement of a peer's depths."""

from __future__ import annotations

import numpy as np

from benchmarks import cities
from benchmarks.__main__ import judged
from benchmarks.peer import P99_M, RMSE_M, agreement


def test_the_moving_storm_brings_as_much_rain_as_the_uniform_one() -> None:
    rain, times = cities.moving_storm(40)
    assert times[-1] == cities.WET_S
    assert np.allclose(rain[:-1].mean(axis=(1, 2)), cities.STORM_M_S)
    assert not rain[-1].any()


def test_nothing_soaks_in_on_streets_and_roofs() -> None:
    paved = cities.streets(40) | cities.roofs(40)
    assert not cities.yards_capacity(40)[paved].any()
    assert (cities.yards_capacity(40)[~paved] > 0).all()


def test_depths_agree_only_within_both_bounds() -> None:
    here = np.ones(1000, bool)
    own = np.ones(1000)
    assert " agree: " in agreement(own, own + 0.9 * RMSE_M, here)
    assert "DO NOT AGREE" in agreement(own, own + 1.1 * RMSE_M, here)
    few = np.where(np.arange(1000) < 20, 1.1 * P99_M, 0.0)
    assert np.sqrt((few**2).mean()) < RMSE_M
    assert "DO NOT AGREE" in agreement(own, own + few, here)
    roof = np.arange(1000) < 20
    assert " agree: " in agreement(own, own + few, ~roof)


def test_a_row_says_whether_its_target_was_met() -> None:
    row = {"value": 4.0, "ratio": 21.0, "verdict": None}
    assert judged(row | {"target": None})["verdict"] is None
    assert judged(row | {"target": ("ratio", ">=", 20.0)}) == row | {"target": "ratio >= 20", "verdict": "met"}
    assert judged(row | {"target": ("value", "<=", 3.0)})["verdict"] == "MISSED"
    assert judged(row | {"ratio": None, "target": ("ratio", ">=", 20.0)})["verdict"] == "not measured"
