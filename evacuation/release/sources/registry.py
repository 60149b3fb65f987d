"""The registry of sources: by what way a substance leaves, by name."""

from __future__ import annotations

from collections.abc import Callable

from evacuation.release.sources.source import Content, Source, Way
from evacuation.release.sources.tank import Tank
from evacuation.release.sources.vessel import Vessel


def _hole(content: Content, way: Way) -> Source:
    """Return a vessel of gas or a tank of liquid with a hole in it."""
    return (Vessel if content.phase == "gas" else Tank).of(content, way)


#: `outflow` of a scenario -> what makes the source. What goes at once is kept as behind a hole.
SOURCES: dict[str, Callable[[Content, Way], Source]] = {
    "hole": _hole,
    "sudden": _hole,
}


def source_of(content: Content, way: Way) -> Source:
    """Return the source of a content that leaves by a way; raise ScenarioError where the one does not fit the other."""
    return SOURCES[way.outflow](content, way)
