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

    Before each decision whoever is near the middle of a stair is set a second time, with a number below 0, on the other level: those
    there see and touch him, and nothing of the law of motion ends at the middle. After it the second ones are gone.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def walk(self, walkers: Walkers, t: float, decisions: int) -> None:
        """Move everybody from `t` by a number of decisions."""
        if not self._plan.levels.joins:
            walkers.walk(t, decisions)
            return
        for k in range(decisions):
            self._set_twice(walkers)
            walkers.walk(t + k * DECISION_S, 1)
            people = walkers.people.chosen(walkers.people.number >= 0)
            moved = self._plan.levels.across(*self._plan.at(people.x, people.w), 0.0, np.inf)
            walkers.people = people._replace(x=people.x + moved)

    def _set_twice(self, walkers: Walkers) -> None:
        people = walkers.people
        moved = self._plan.levels.across(*self._plan.at(people.x, people.w), -SEEN_M, 0.0)
        near = np.flatnonzero(moved)
        if len(near):
            twice = people.chosen(near)
            walkers.people = people.joined(twice._replace(x=twice.x + moved[near], number=-1 - twice.number))
