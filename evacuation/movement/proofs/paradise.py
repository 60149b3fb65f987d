"""The direction of two effects that a published simulation of the Camp Fire found: information on the way, and phasing.

Its network is not at hand. A town whose ways out close one after the other stands for it: what is compared is whether the time until
90 % have arrived falls or rises, and whether five seeds tell it from chance; not by how much.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from evacuation.movement.movement import Movement
from evacuation.movement.proofs import worlds
from evacuation.movement.tables import quantile
from twin.hazard import Action
from twin.proof import Reference
from twin.streams import stream

SEEDS = 5
MODEL = Movement(zones="all", compliance=1.0, mean_delay_min=15.0, informed=0.2)

#: The western way out closes after ten minutes, the northern after twenty.
CLOSES = (Action("close_road", "out-w", 600.0, None), Action("close_road", "out-n", 1200.0, None))
PHASES = tuple(Action("delay_zone", f"b{k}", 0.0, None, {"delay_min": 15.0 * k}) for k in range(4))


@cache
def effects(_: Reference) -> dict[str, float]:
    """Return the relative change of the time until 90 % have arrived, and its p, for information and for phasing.

    Both plans meet the same people in each seed: p is that of Student's t of the differences, seed by seed.
    """
    from scipy.special import stdtr

    town, clock = worlds.town(6, shelter_places=0.0, people=80.0), worlds.clock(6.0)

    def times(model: Movement, actions: tuple[Action, ...]) -> np.ndarray:
        found = []
        for seed in range(SEEDS):
            arrays = model.simulate(town, {}, clock, actions, stream(seed, "movement")).state.arrays
            found.append(quantile(arrays["traveller_safe"], arrays["home_persons"], 0.9))
        return np.array(found)

    base = times(MODEL, CLOSES)
    found = {}
    for name, other in (
        ("information", times(replace(MODEL, informed=0.9), CLOSES)),
        ("phasing", times(MODEL, CLOSES + PHASES)),
    ):
        change = other - base
        error = float(change.std(ddof=1)) / np.sqrt(SEEDS)
        t = abs(float(change.mean())) / error if error > 0.0 else np.inf * float(change.any())
        found[name] = float(change.mean() / base.mean())
        found[f"{name}_p"] = float(2.0 * stdtr(SEEDS - 1, -t)) if change.any() else 1.0
    return found
