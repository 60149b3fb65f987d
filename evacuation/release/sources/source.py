"""What every source promises: how much is left, how much goes out in a while, and what of that stays in the air at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from evacuation.release.sources.stack import Stack
from evacuation.release.substances import Substance
from twin.errors import ScenarioError

PHASES = ("pressurised_liquid", "liquid", "gas")


@dataclass(frozen=True)
class Content:
    """What may leak at a site: `kg` of a substance in one of PHASES, at K and Pa; NaN where mass or pressure are not known."""

    site: str
    substance: Substance
    phase: str
    kg: float
    temperature: float
    pressure: float

    @property
    def mass(self) -> float:
        """Mass, kg; raises ScenarioError where it is not known."""
        if math.isnan(self.kg):
            raise ScenarioError("release_mass", site=self.site)
        return self.kg


@dataclass(frozen=True)
class Way:
    """How a scenario lets it out: see the fields of `release.Release` that are called the same."""

    outflow: str = "hole"
    blowdown: str = "isothermal"
    rates_kg_s: tuple[tuple[float, float], ...] = ()
    pipe_length_m: float | None = None
    pipe_mm: float | None = None
    stack_m: float | None = None
    exit_m_s: float | None = None
    exit_k: float | None = None

    @property
    def kept(self) -> dict[str, str]:
        """What must be the same in a run that goes on from another; what is gone at once is as what is behind a hole."""
        said = {name: str(value) for name, value in vars(self).items()}
        return said | {"outflow": "hole"} if self.outflow == "sudden" else said

    @property
    def pipe(self) -> tuple[float, float]:
        """Length and bore of the pipe, m; raises ScenarioError where either is not given."""
        if self.pipe_length_m is None or self.pipe_mm is None:
            raise ScenarioError("release_pipe", found=self.outflow)
        return self.pipe_length_m, self.pipe_mm / 1000.0

    @property
    def stack(self) -> Stack | None:
        """The stack it leaves by, None without one; raises ScenarioError where one is only half given."""
        if self.stack_m is None and self.exit_m_s is None and self.exit_k is None:
            return None
        if self.stack_m is None or self.exit_m_s is None or self.exit_k is None:
            raise ScenarioError("release_stack")
        return Stack(self.stack_m, self.exit_m_s, self.exit_k)


class Source(Protocol):
    """Something that a substance leaves: `kg` is left of `full_kg`; what leaves now is at `temperature` (K)."""

    substance: Substance
    phase: str
    kg: float
    full_kg: float

    @property
    def temperature(self) -> float: ...  # noqa: D102

    def outflow(self, hole_m: float, dt: float, since: float, open_share: float) -> float:
        """Let go what leaves through a hole (diameter, m), a share of it open, in `dt` s, `since` s after it began; return kg."""
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
