"""People on the map: where those stood whose trajectories a run kept, as dots at a moment of the clock.

The people are synthetic. Levels that trajectories hold side by side lie above one another on the map.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pydeck as pdk
from numpy.typing import NDArray

from desk import served
from twin.blocks import Section
from twin.bridge.trajectories import ABOUT, TRACKS, level_of, levels_of
from twin.city import City
from twin.clock import Clock
from twin.plan import shown
from twin.words import say

#: Most moments on the clock of a playback: a longer run is shown less often.
MOST_MOMENTS = 600

#: Colours of people by level, the lowest first; where there are more they begin again.
LEVELS = ((31, 41, 51), (11, 110, 153), (122, 62, 157), (133, 93, 16))

#: Radius of a body, m, and the least that is drawn of it, pixels.
RADIUS_M, LEAST_PIXELS = 0.17, 1.2


def followed(sections: Iterable[Section]) -> list[Section]:
    """Return the sections of hazards that kept where their people were."""
    return [section for section in sections if len(section.tables.get(TRACKS, ()))]


def moments(sections: Iterable[Section], clock: Clock) -> NDArray[np.datetime64]:
    """Return the moments at which people are shown, UTC: evenly spaced frames, at most MOST_MOMENTS of them."""
    found = [np.zeros(0, dtype="datetime64[ns]")]
    for section in followed(sections):
        last, per_s = int(section.tables[TRACKS]["frame"].iloc[-1]), _per_s(section)
        seconds = max(1, int(np.ceil(last / per_s / MOST_MOMENTS)))
        found.append(_start(clock) + (np.arange(0.0, last / per_s + 1e-9, seconds) * 1e9).astype("timedelta64[ns]"))
    return np.unique(np.concatenate(found))


def dots(city: City, section: Section, clock: Clock, moment: np.datetime64, lang: str) -> tuple[pdk.Layer, str]:
    """Return everybody of a section who was inside at a moment as a layer of dots, and the legend as HTML."""
    there, level = _at(section, clock, moment)
    lon, lat = city.grid.lonlat(there["x"].to_numpy(), there["y"].to_numpy())
    rows: list[dict[str, Any]] = [
        {"at": [round(float(a), 7), round(float(b), 7)], "colour": LEVELS[k % len(LEVELS)]}
        for a, b, k in zip(lon, lat, level, strict=True)
    ]
    name = f"people-{section.sheet.id}"
    layer = pdk.Layer(
        "ScatterplotLayer",
        served.collection(rows, name),
        id=name,
        get_position="at",
        get_fill_color="colour",
        get_radius=RADIUS_M,
        radius_min_pixels=LEAST_PIXELS,
    )
    return layer, _legend(section, level, lang)


def _legend(section: Section, level: NDArray[np.int64], lang: str) -> str:
    """Return how many people are shown, by level where there are several, with the colour of each."""
    levels = levels_of(section.tables[ABOUT].iloc[0])
    title = say("desk.people_shown", lang=lang, hazard=section.sheet.name[lang])
    counts = [shown(int((level == k).sum())) for k in range(len(levels))]
    named = [f"{number}: {count}" if len(levels) > 1 else count for number, count in zip(levels, counts, strict=True)]
    dots = [
        f"<span style='color:rgb{LEVELS[k % len(LEVELS)]}'>●</span> {html.escape(name)}" for k, name in enumerate(named)
    ]
    return f"{html.escape(title)}: {' '.join(dots)}"


def _at(section: Section, clock: Clock, moment: np.datetime64) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return where people were on the map (x, y) in the last frame at or before a moment, and the place of their level, 0 the lowest."""
    tracks, about = section.tables[TRACKS], section.tables[ABOUT].iloc[0]
    seconds = (moment - _start(clock)) / np.timedelta64(1, "s")
    frame = int(np.floor(seconds * _per_s(section) + 1e-6))
    first, end = np.searchsorted(tracks["frame"].to_numpy(), [frame, frame + 1])
    there = tracks.iloc[first:end]
    x, span = there["x"].to_numpy(np.float64), float(about["level_span_m"])
    level = level_of(x, about)
    return pd.DataFrame(
        {"x": about["west_m"] + x - level * span, "y": about["south_m"] + there["y"].to_numpy(np.float64)}
    ), level


def _per_s(section: Section) -> float:
    return float(section.tables[ABOUT].iloc[0]["frames_per_s"])


def _start(clock: Clock) -> np.datetime64:
    return np.datetime64(clock.times.values[0])
