"""People on stairs that join two levels: seen from both near the middle, where they change from one level to the other."""

from __future__ import annotations

import numpy as np

from evacuation.crowd.people.law import DECISION_S
from evacuation.crowd.people.walkers import Walkers
from evacuation.crowd.venue.plan import Plan

#: Most steps of single persons in a run: about an hour and a half of computing on one thread (docs/crowd.md). More is refused.
MOST_STEPS = 2e10

#: Who is within this of the middle of such a stair, m along it, walks in the way of those on its other half: further than anybody looks.
SEEN_M = 3.0


class Storeys:
    """Walks people of a venue with several levels; of one level as `Walkers` does.

    Before each decision whoever has passed the middle of a stair goes on on the other level, and whoever is near it is set a second
    time, with a number below 0, on the level where he is not: those there see and touch him, and nothing of the law of motion ends at the
    middle. After it the second ones are gone.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def walk(self, walkers: Walkers, t: float, decisions: int) -> None:
        """Move everybody from `t` by a number of decisions."""
        if not self._plan.levels.joins:
            walkers.walk(t, decisions)
            return
        for k in range(decisions):
            self._change(walkers, SEEN_M)
            walkers.walk(t + k * DECISION_S, 1)
            if (walkers.people.number < 0).any():
                walkers.people = walkers.people.chosen(walkers.people.number >= 0)
        self._change(walkers, 0.0)

    def _change(self, walkers: Walkers, seen_m: float) -> None:
        """Let people change levels; set those within `seen_m` of the middle a second time."""
        people = walkers.people
        moved, past = self._plan.levels.across(*self._plan.at(people.x, people.w), -seen_m, np.inf)
        if not moved.any():
            return
        crossed = past > 0.0
        walkers.people = people._replace(x=people.x + np.where(crossed, moved, 0.0))
        near = np.flatnonzero((moved != 0.0) & (past < seen_m))
        if len(near):
            twice = walkers.people.chosen(near)
            # from where he is now, so that a walk gives the same to the bit in however many calls
            there = twice.x + np.where(crossed[near], -moved[near], moved[near])
            walkers.people = walkers.people.joined(twice._replace(x=there, number=-1 - twice.number))
