"""Particles near a source and the puffs that they become: nothing is lost, and over open ground they are the city run's plume."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from evacuation.release.buildings.near_source import HALF_M, BetweenBuildings
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, even_air, town
from twin.city import empty_table
from twin.proof import Reference

STEPS, SETTLED, DT = 60, 40, 20.0
#: Where the plumes are compared, m from the source: within the box, and outside.
PLACES_M = (200.0, HALF_M + 100.0, HALF_M + 500.0)


@cache
def near_source(_: Reference) -> dict[str, float]:
    """Return the share of the mass that is lost and the largest relative difference of crosswind integrals and widths."""
    city = replace(town(), buildings=empty_table("buildings", CRS))
    grid, air = (
        city.grid,
        replace(even_air(0.3, 0.0, 1.92, z0=0.03, highest_m=400.0), west=WEST - 1e5, north=NORTH + 1e5),
    )
    gas = Emission(0, WEST + 410.0, NORTH - 1010.0, 2.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)
    near, cloud, plume = BetweenBuildings(city, grid, 0.0, None), Cloud(), np.zeros((1, *grid.shape))
    ours, out = np.zeros(grid.shape), 0.0
    for k in range(STEPS):
        c = np.zeros(grid.shape)
        out += sum(near.step([gas], DT, k, air, k * DT, c, (0.0, 0.0)))
        ours += c / (STEPS - SETTLED) * (k >= SETTLED)
        cloud.step([gas], DT, 8, 8 * k, air, k * DT)
    cloud.onto(grid, air, plume)
    came, across = STEPS * DT * gas.kg_s, grid.y - gas.y
    sums, widths = [], []
    for metres in PLACES_M:
        col = int((gas.x + metres - grid.west) / grid.cell_m)
        a, b = ours[:, col], plume[0, :, col]
        sums.append(abs(a.sum() / b.sum() - 1.0))
        first, second = (np.sqrt((q * (across - (q * across).sum() / q.sum()) ** 2).sum() / q.sum()) for q in (a, b))
        widths.append(abs(first / second - 1.0))
    return {"mass": abs(near.airborne_kg + out - came) / came, "integral": max(sums), "width": max(widths)}
