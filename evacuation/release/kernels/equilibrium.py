"""A mixture of a substance, its droplets, moist air and mist at one temperature: who is liquid, how warm and how dense it is.

Vapours obey the ideal gas law and never exceed saturation; droplets and vapour are in equilibrium (Ermak 1990, User's manual for
SLAB, UCRL-MA-105607, section 2.5.4). Per kilogram of mixture the enthalpy is the sum of cp T over vapours and of cp T - latent heat,
both brought to 0 K, over liquids.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from twin.jit import kernel

GAS = 8.31431
ATMOSPHERE_PA = 101325.0
AIR_MOLAR, AIR_CP = 0.02896, 1005.87
WATER_MOLAR, WATER_CP, WATER_CP_LIQUID, WATER_DENSITY = 0.01802, 1846.0, 4178.0, 1000.0
WATER_LATENT = 2_441_000.0 + 298.2 * (WATER_CP_LIQUID - WATER_CP)  # brought to 0 K
WATER_A, WATER_B = 15.08, 5514.0  # ln(p / atm) = A - B / T
COLDEST_K = 40.0
EXACT = 0.05  # J kg-1, to which the temperature meets the enthalpy: 5e-5 K


class Matter(NamedTuple):
    """The released substance: molar mass (kg mol-1), heat capacities (J kg-1 K-1), density of the liquid (kg m-3), latent heat.

    `latent` (J kg-1) is brought to 0 K: latent heat at the boiling point + boiling point * (cp of liquid - cp of vapour).
    Saturation: ln(p / atm) = sat_a - sat_b / (T + sat_c). `enthalpy` (J kg-1) is that of what comes out of the source.
    """

    molar: float
    cp_vapour: float
    cp_liquid: float
    liquid_density: float
    latent: float
    sat_a: float
    sat_b: float
    sat_c: float
    enthalpy: float


@kernel
def vapours(dry, substance, water, sat_substance, sat_water):
    """Return moles of (substance, water) that are vapour, of `dry`, `substance`, `water` moles in all.

    sat_*: saturation pressures over the pressure. What would exceed its saturation condenses until it does not.
    """
    wet, misty = False, False
    total = dry + substance + water
    for _ in range(3):
        free, room = dry, 1.0
        if wet:
            room -= sat_substance
        else:
            free += substance
        if misty:
            room -= sat_water
        else:
            free += water
        total = free / max(room, 1e-12)
        more_wet = wet or sat_substance * total < substance
        more_misty = misty or sat_water * total < water
        if more_wet == wet and more_misty == misty:
            break
        wet, misty = more_wet, more_misty
    return sat_substance * total if wet else substance, sat_water * total if misty else water


@kernel
def contents(temperature, share, moisture, pressure, matter):
    """Return (enthalpy J kg-1, vapour of substance, vapour of water: mass shares) of a mixture at a temperature (K)."""
    wet_air = (1.0 - share) * moisture
    dry_air = (1.0 - share) - wet_air
    over = ATMOSPHERE_PA / pressure
    below = max(temperature + matter.sat_c, 1.0)
    moles, moles_water = vapours(
        dry_air / AIR_MOLAR,
        share / matter.molar,
        wet_air / WATER_MOLAR,
        over * math.exp(min(matter.sat_a - matter.sat_b / below, 50.0)),
        over * math.exp(WATER_A - WATER_B / temperature),
    )
    vapour, vapour_water = min(moles * matter.molar, share), min(moles_water * WATER_MOLAR, wet_air)
    enthalpy = temperature * (dry_air * AIR_CP + vapour_water * WATER_CP + vapour * matter.cp_vapour)
    enthalpy += (wet_air - vapour_water) * (WATER_CP_LIQUID * temperature - WATER_LATENT)
    enthalpy += (share - vapour) * (matter.cp_liquid * temperature - matter.latent)
    return enthalpy, vapour, vapour_water


@kernel
def mixture(share, enthalpy, moisture, pressure, matter):
    """Return (temperature K, density kg m-3, heat capacity J kg-1 K-1, vapour of substance, vapour of water: mass shares).

    share: mass share of the substance, below 1; enthalpy J kg-1; moisture: mass share of water in the air outside. The
    temperature solves enthalpy(T) = enthalpy, which rises with T, from that of vapours alone upwards (what condenses warms), by the
    Illinois form of false position.
    """
    share = min(share, 1.0 - 1e-6)
    wet_air = (1.0 - share) * moisture
    dry_air = (1.0 - share) - wet_air
    temperature = max(enthalpy / (dry_air * AIR_CP + wet_air * WATER_CP + share * matter.cp_vapour), COLDEST_K)
    low, high, short, over = temperature, np.inf, 0.0, 0.0
    vapour, vapour_water, side, step = share, wet_air, 0, 2.0
    for turn in range(100):
        found, vapour, vapour_water = contents(temperature, share, moisture, pressure, matter)
        off = found - enthalpy
        if abs(off) < EXACT or (turn == 0 and off > 0.0):
            break
        if off > 0.0:
            high, over = temperature, off
            short *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            low, short = temperature, off
            over *= 0.5 if side == -1 else 1.0
            side = -1
        if high < np.inf:
            temperature = (low * over - high * short) / (over - short)
        else:
            temperature, step = temperature + step, 2.0 * step
    drops, mist = share - vapour, wet_air - vapour_water
    moles = dry_air / AIR_MOLAR + vapour_water / WATER_MOLAR + vapour / matter.molar
    volume = moles * GAS * temperature / pressure + drops / matter.liquid_density + mist / WATER_DENSITY
    heat = dry_air * AIR_CP + vapour_water * WATER_CP + vapour * matter.cp_vapour
    heat += mist * WATER_CP_LIQUID + drops * matter.cp_liquid
    return temperature, 1.0 / volume, heat, vapour, vapour_water


@kernel
def thin(excess_out, concentrations, temperature, moisture, pressure, matter):
    """Find (density of the mixture with air - that of the air) / c at concentrations c (kg m-3) of the substance; unheated.

    The air has a temperature (K) and a mass share of water, `moisture`; what of it condenses in the cold warms the mixture.
    """
    air_enthalpy, _, _ = contents(temperature, 0.0, moisture, pressure, matter)
    _, air_density, _, _, _ = mixture(0.0, air_enthalpy, moisture, pressure, matter)
    for k in range(len(concentrations)):
        c = concentrations[k]
        low, high, density = 0.0, 1.0, air_density
        for _ in range(40):  # the concentration rises with the share
            share = 0.5 * (low + high)
            enthalpy = share * matter.enthalpy + (1.0 - share) * air_enthalpy
            _, density, _, _, _ = mixture(share, enthalpy, moisture, pressure, matter)
            if share * density > c:
                high = share
            else:
                low = share
        excess_out[k] = (density - air_density) / c
