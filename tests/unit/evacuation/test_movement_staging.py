"""The search for who is released when, and the comparison of two plans."""

from __future__ import annotations

import numpy as np
import pytest

from evacuation.movement.people.staging import Trial, staged
from evacuation.movement.seeds import difference
from twin.errors import ScenarioError


def test_a_zone_that_only_queues_is_held_back() -> None:
    """Zone 1 stands in the way of zone 0 unless it comes 100 s later, and is late itself when held longer than 200 s."""

    def trial(delays):
        held = delays[1] - delays[0]
        jam = max(100.0 - held, 0.0)
        return Trial(1000.0 + jam + max(held - 200.0, 0.0), np.array([10.0, 10.0 + 150.0 * (held < 100.0)]))

    delays, best, at_once = staged(trial, 2)
    assert at_once.t95_s == 1100.0 and best.t95_s < 1020.0
    assert delays[0] == 0.0 < delays[1]


def test_where_holding_back_helps_nobody_all_leave_at_once() -> None:
    delays, best, at_once = staged(lambda d: Trial(500.0 + d.max(), np.array([0.0, 60.0, 30.0])), 3)
    assert not delays.any() and best == at_once


def test_two_plans_differ_or_do_not() -> None:
    """Two samples of five 10 apart, standard error 1: t = 10; Welch with 8 degrees of freedom: half width 2.306."""
    spread = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    found = difference(spread + 10.0, spread)
    assert found.mean == pytest.approx(10.0) and found.differs and found.p < 1e-4
    assert found.high - found.mean == pytest.approx(2.306, abs=0.001)
    assert not difference(spread, spread).differs


def test_too_few_seeds_and_plans_that_do_not_clear_are_refused() -> None:
    for one, code in (
        (np.zeros(4), "movement_seeds"),
        (np.array([1.0, 2.0, 3.0, 4.0, np.nan]), "movement_not_cleared"),
    ):
        with pytest.raises(ScenarioError) as caught:
            difference(one, np.ones(5))
        assert caught.value.code == code and caught.value.message("zh")
