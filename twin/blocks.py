"""What a report or a panel shows of a hazard, as data: Text, Table, Curve, Picture. Who draws them knows no hazard.

What is said is a `Phrase`: a word of the catalogue with its values, resolved in a language only when it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from twin.exposure import Exposure
from twin.sheet import MapLayer, Sheet
from twin.words import Phrase


@dataclass(frozen=True)
class Text:
    """A heading or a sentence, or a cell of a table that stands out.

    `style` is "plain", "title", "note" (small print), "strong", "alarm", or a colour of `twin.sheet.COLOURS` to stand on.
    """

    said: Phrase
    style: str = "plain"


Cell = Phrase | Text


@dataclass(frozen=True)
class Table:
    """Rows of cells under `heads`; the columns `figures` (counted from 0) hold figures, the rows `sums` add up those above."""

    heads: tuple[Phrase, ...]
    rows: tuple[tuple[Cell, ...], ...]
    figures: tuple[int, ...] = ()
    sums: tuple[int, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Figures in time: `table` has UTC times as its index and a column for each of `labels` and `colours`.

    `said` is what they are, `unit` their unit, empty for numbers of something. They are `stacked` or drawn as lines.
    """

    said: Phrase
    table: pd.DataFrame
    labels: tuple[Phrase, ...]
    colours: tuple[str, ...]
    unit: str = ""
    stacked: bool = False


@dataclass(frozen=True)
class Mark:
    """A point of a map (m) with its name, and where something goes from there (degrees clockwise from north), None for nowhere."""

    x: float
    y: float
    said: Phrase
    toward_deg: float | None = None


@dataclass(frozen=True)
class Picture:
    """A map: a field on cells (y, x) or on things with an id, in the colours of its layer.

    `places` are graded places (rows of `Exposure.places`) marked on it, `marks` what the hazard itself marks. One that is not
    `wide` is drawn half as wide, beside the next.
    """

    layer: MapLayer
    field: xr.DataArray
    places: gpd.GeoDataFrame | None = None
    wide: bool = True
    marks: tuple[Mark, ...] = ()


Block = Text | Table | Curve | Picture


@dataclass(frozen=True)
class Section:
    """One hazard of a run: its sheet and results, and what only the hazard itself can say of them (`blocks`).

    `headline` are the few of them that stand on the first page, `marks` what it marks on its map.
    `balance` is the ledger as a run holds it (`Balance.as_dict`), `tables` are the model's own by name, `places` the places
    that only the model knows, None where it has none.
    """

    sheet: Sheet
    fields: xr.Dataset
    exposure: Exposure
    balance: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    places: gpd.GeoDataFrame | None = None
    blocks: tuple[Block, ...] = ()
    headline: tuple[Block, ...] = ()
    marks: tuple[Mark, ...] = ()
