"""The search for who is released when."""

from __future__ import annotations

import numpy as np

from evacuation.movement.people.staging import Trial, staged


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
