"""What every source promises: how much is left, how much goes out in a while, and what of that stays in the air at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evacuation.release.substances import Substance

PHASES = ("pressurised_liquid", "liquid", "gas")


@dataclass(frozen=True)
class Content:
    """What may leak: `kg` of a substance in one of PHASES, at K and Pa."""

    substance: Substance
    phase: str
    kg: float
    temperature: float
    pressure: float


@dataclass(frozen=True)
class Way:
    """How a scenario lets it out: see `outflow` and `blowdown` of `release.Release`."""

    outflow: str = "hole"
    blowdown: str = "isothermal"


class Source(Protocol):
    """Something that a substance leaves: `kg` is left of `full_kg`; what leaves now is at `temperature` (K)."""

    substance: Substance
    phase: str
    kg: float
    full_kg: float

    @property
    def temperature(self) -> float: ...  # noqa: D102

    def outflow(self, hole_m: float, dt: float) -> float:
        """Let go what leaves through a hole (diameter, m) in `dt` s; return the mass, kg."""
        ...

    def airborne_share(self) -> float:
        """Return the share of what leaves that stays in the air at once, vapour and droplets."""
        ...

    def flash_share(self) -> float:
        """Return the share of what leaves that boils at once."""
        ...


class Gas:
    """What leaves is gas: all of it is in the air at once, and nothing boils."""

    phase = "gas"

    def airborne_share(self) -> float:
        """Return 1."""
        return 1.0

    def flash_share(self) -> float:
        """Return 0."""
        return 0.0
