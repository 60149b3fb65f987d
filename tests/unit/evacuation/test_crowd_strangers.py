"""Who knows only the way he came in leaves by it, however near another exit is, and by another one only while it is shut."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from evacuation.crowd.proofs.worlds import emptied, filled, line, plan_of
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from twin.errors import ScenarioError


def hall(came_by: str) -> Plan:
    """Return a hall of 16 m by 6 m: the front door far in the west, another beside the people in the east."""
    outline = shapely.box(0, 0, 16, 6)
    front, beside = line((0, 2), (0, 4)), line((16, 2), (16, 4))
    fence = outline.exterior.difference(shapely.union(front, beside).buffer(0.005, cap_style="flat"))
    parts = [
        ("wall", "wall", fence), ("front", "gate", front), ("beside", "gate", beside),
        ("floor", "source", shapely.box(11, 1, 15, 5)),
    ]  # fmt: skip
    return plan_of(outline, parts, came_by=["", "", "", came_by])


@pytest.mark.parametrize(("strangers", "by_front"), [(0.0, 0), (1.0, 12)])
def test_strangers_leave_by_the_way_they_came(strangers: float, by_front: int) -> None:
    walkers = filled(hall("front"), 12, strangers=strangers)
    emptied(walkers, 60)
    assert walkers.left_by_gate.tolist() == [by_front, 12 - by_front]


def test_strangers_take_another_exit_while_theirs_is_shut() -> None:
    walkers = filled(hall("front"), 12, strangers=1.0)
    inner = np.array([gate.inner for gate in walkers.plan.gates], np.int8)
    walkers.set_gates(Gates(np.array([True, False]), np.zeros(2, np.int8), np.full(2, np.inf), inner))
    emptied(walkers, 60)
    assert walkers.left_by_gate.tolist() == [0, 12]


def test_a_way_in_that_is_not_there_is_refused() -> None:
    with pytest.raises(ScenarioError, match="portal"):
        hall("portal")
