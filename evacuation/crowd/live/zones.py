"""The people of a zone from its counter and the flows of its gates, and what comes 10 to 30 minutes ahead, with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from twin.errors import ScenarioError
from twin.variables import Unit


class ZoneState(NamedTuple):
    """People in a zone and how fast they become more (1/s), with the covariance of both."""

    people: float
    rate: float
    spread: NDArray[np.float64]


@dataclass(frozen=True)
class Zone:
    """The filter of one zone. People grow at a rate that wanders; a counter tells people, the gates tell the rate."""

    rate_sd: Annotated[float, Ge(1e-4), Le(10.0), Unit("s-1.5", "wandering of the rate: assumed")] = 0.05
    count_share: Annotated[float, Ge(0.001), Le(1.0), Unit("1", "error of a count, share of it: assumed")] = 0.05
    flow_share: Annotated[float, Ge(0.001), Le(1.0), Unit("1", "error of a gate's flow, share of it: assumed")] = 0.10
    jump: Annotated[
        float, Ge(3.0), Le(20.0), Unit("1", "errors off what was expected that mean a count is not believed")
    ] = 6.0

    def begin(self, people: float) -> ZoneState:
        """Return the state at a first count. Raises ScenarioError for one below 0."""
        _check(people)
        return ZoneState(people, 0.0, np.diag([max(self.count_share * people, 1.0) ** 2, 1.0]))

    def ahead(self, state: ZoneState, seconds: float) -> ZoneState:
        """Return the state after some time without a word from the counters."""
        step = np.array([[1.0, seconds], [0.0, 1.0]])
        noise = self.rate_sd**2 * np.array([[seconds**3 / 3.0, seconds**2 / 2.0], [seconds**2 / 2.0, seconds]])
        return ZoneState(state.people + seconds * state.rate, state.rate, step @ state.spread @ step.T + noise)

    def told(
        self, state: ZoneState, count: float | None = None, came: float | None = None, went: float | None = None
    ) -> tuple[ZoneState, bool]:
        """Return the state corrected by a count and by what came and went through the gates, persons/s, and whether it was believed.

        A missing count (None) corrects nothing. A count that jumps too far is not believed; the state is left as it is.
        """
        if count is not None:
            _check(count)
            sd = max(self.count_share * count, 1.0)
            if abs(count - state.people) > self.jump * np.sqrt(state.spread[0, 0] + sd**2):
                return state, False
            state = _corrected(state, np.array([1.0, 0.0]), count, sd**2)
        if came is not None and went is not None:
            _check(min(came, went))
            sd = max(self.flow_share * np.hypot(came, went), 0.01)
            state = _corrected(state, np.array([0.0, 1.0]), came - went, sd**2)
        return state, True

    def forecast(self, state: ZoneState, minutes: tuple[float, ...] = (10.0, 20.0, 30.0)) -> NDArray[np.float64]:
        """Return rows of minutes ahead, people and their standard error; never below nobody."""
        rows = []
        for ahead in minutes:
            later = self.ahead(state, 60.0 * ahead)
            rows.append((ahead, max(later.people, 0.0), float(np.sqrt(later.spread[0, 0]))))
        return np.array(rows)


def _check(value: float) -> None:
    if not value >= 0.0:
        raise ScenarioError("count_negative", counter="–", hour="–", found=value)


def _corrected(state: ZoneState, what: NDArray[np.float64], value: float, variance: float) -> ZoneState:
    """Return the state corrected by one measurement of `what` @ (people, rate)."""
    now = np.array([state.people, state.rate])
    gain = state.spread @ what / (what @ state.spread @ what + variance)
    now = now + gain * (value - what @ now)
    keep = np.eye(2) - np.outer(gain, what)
    spread = keep @ state.spread @ keep.T + variance * np.outer(gain, gain)
    return ZoneState(float(now[0]), float(now[1]), spread)
