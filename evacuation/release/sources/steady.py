"""A source of which only the rate is known: a gas at the temperature of the air, as strong to the end."""

from __future__ import annotations

from dataclasses import dataclass

from evacuation.release.substances import Substance


@dataclass
class Steady:
    """What goes into the air at `rate` (kg/s) until the run ends; `kg` is what is still to come of that."""

    substance: Substance
    rate_kg_s: float
    kg: float
    temperature: float
    phase: str = "gas"
    full_kg: float = 0.0

    def outflow(self, hole_m: float, dt: float) -> float:
        """Let go what leaves in `dt` s, kg; the hole does not matter."""
        out = min(self.rate_kg_s * dt, self.kg)
        self.kg -= out
        return out

    def airborne_share(self) -> float:
        """Return the share of what leaves that stays in the air at once."""
        return 1.0

    def flash_share(self) -> float:
        """Return the share that boils at once: it is gas already."""
        return 0.0
