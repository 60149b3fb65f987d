"""The whole case as one event: its level from I (gravest) to IV, and the ground and blocks that it affects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import shapely

from twin.city import City
from twin.exposure import Exposure
from twin.grade import likely
from twin.plan import Event, shown
from twin.sheet import COLOURS, Sheet

#: The levels of an event, the gravest first.
LEVELS = ("I", "II", "III", "IV")

#: Places without an area count as this band around them, m: assumed, half the width of a street.
BAND_M = 10.0


@dataclass(frozen=True)
class Thresholds:
    """For each level the numbers of which one must be met: places by colour (or worse), or `people` harmed; and their source."""

    rows: Mapping[str, Mapping[str, float]]
    source: Mapping[str, str]


def event_of(
    levels: pd.DataFrame, results: Iterable[tuple[Sheet, Exposure]], city: City, thresholds: Thresholds
) -> Event:
    """Return the level and the affected range of a case.

    `levels` is its table of levels (`twin.grade.COLUMNS`); of an ensemble, what at least half of the members reach counts.
    People are those at classes that harm of the hazard that harms most; None where no hazard has such classes,
    so that only places decide. The affected range is the union of all coloured places; a place of several hazards counts once,
    with its worst colour.
    """
    results = list(results)
    graded = any(len(exposure.places) for _, exposure in results)
    coloured = likely(levels)
    rank = coloured["level"].map({colour: k for k, colour in enumerate(COLOURS)}).astype(float)
    worst = rank.groupby(coloured["place"]).max()
    reached = {colour: int((worst >= k).sum()) for k, colour in enumerate(COLOURS)}
    people = max((found for sheet, exposure in results if (found := harmed(sheet, exposure)) is not None), default=None)
    numbers = reached if people is None else {**reached, "people": people}
    level, met = next(
        (
            (level, name)
            for level, row in thresholds.rows.items()
            for name, least in row.items()
            if numbers.get(name, 0) >= least
        ),
        (None, None),
    )
    geometry = {
        i: shape
        for _, exposure in results
        for i, shape in zip(exposure.places["id"], exposure.places.geometry, strict=True)
        if i in worst.index
    }
    area = shapely.union_all([g if g.area else g.buffer(BAND_M) for g in geometry.values()]).area
    mine = city.blocks[city.blocks["id"].isin(worst.index)]
    mine = mine.assign(rank=mine["id"].map(worst)).sort_values("rank", ascending=False, kind="stable")
    return Event(
        level=level,
        places={colour: int((worst == k).sum()) for k, colour in enumerate(COLOURS)} if graded else {},
        people=None if people is None else shown(people),
        unknown=sum(int((~exposure.places["known"].astype(bool)).sum()) for _, exposure in results),
        met=met,
        least=float(thresholds.rows[level][met]) if level and met else None,
        area_km2=round(float(area) * 1e-6, 3),
        blocks=tuple({"zh": b.name_zh, "en": b.name_en} for b in mine.itertuples()),
        source=thresholds.source,
    )


def harmed(sheet: Sheet, exposure: Exposure) -> float | None:
    """Return how many people are at classes that harm, most at one time; None where it has no such classes or the city no people."""
    found = [
        exposure.most(scale, "people", scale.classes.index(scale.harms_from))
        for scale in sheet.scales
        if scale.harms_from is not None and "people" in exposure.counts.get(scale.code, {})
    ]
    return max(found, default=None)
