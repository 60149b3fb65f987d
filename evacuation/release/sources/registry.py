"""The registry of sources: by what way a substance leaves, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evacuation.release.sources.flashing_pipe import FlashingPipe
from evacuation.release.sources.given import Given
from evacuation.release.sources.pipe import GasPipe, LiquidPipe
from evacuation.release.sources.source import Content, Source, Way
from evacuation.release.sources.tank import Tank
from evacuation.release.sources.vessel import Vessel
from twin.errors import ScenarioError


def _hole(content: Content, way: Way) -> Source:
    """Return a vessel of gas or a tank of liquid with a hole in it."""
    return (Vessel if content.phase == "gas" else Tank).of(content, way)


#: `outflow` of a scenario -> what makes the source. What goes at once is kept as behind a hole.
SOURCES: dict[str, Callable[[Content, Way], Source]] = {
    "hole": _hole,
    "sudden": _hole,
    "rates": Given.of,
    "gas_pipe": GasPipe.of,
    "liquid_pipe": LiquidPipe.of,
    "flashing_pipe": FlashingPipe.of,
}


#: What a scenario may say of a site -> the ways that use it. `height_m` and `start_min` are used by all.
USED_BY = {
    "mass_kg": ("hole", "sudden", "liquid_pipe", "flashing_pipe"),
    "phase": ("hole", "sudden"),
    "pressure_bar": ("hole", "sudden", "gas_pipe", "liquid_pipe", "flashing_pipe"),
    "rates_kg_s": ("rates",),
    "forcing.source_rate": ("rates",),
    "pipe_length_m": ("gas_pipe", "liquid_pipe", "flashing_pipe"),
    "pipe_mm": ("gas_pipe", "liquid_pipe", "flashing_pipe"),
    "stack_m": ("rates",),
    "exit_m_s": ("rates",),
    "exit_k": ("rates",),
}


def check_used(outflow: str, given: Mapping[str, object]) -> None:
    """Raise ScenarioError where a scenario gives (by name; None or empty: it does not) what its outflow does not use."""
    for name, ways in USED_BY.items():
        if given[name] not in (None, ()) and outflow not in ways:
            raise ScenarioError("release_unused", name=name, found=outflow, expected=list(ways))


def source_of(content: Content, way: Way) -> Source:
    """Return the source of a content that leaves by a way; raise ScenarioError where the one does not fit the other."""
    return SOURCES[way.outflow](content, way)
