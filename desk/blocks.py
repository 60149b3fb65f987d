"""Draws blocks (`twin.blocks`) with Streamlit, whatever hazard they speak of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

import scenarios as sc
from twin.blocks import Block, Cell, Curve, Picture, Section, Table, Text
from twin.bridge import maps
from twin.bridge.shapes import LEVEL_COLOURS
from twin.city import City
from twin.words import width, written

#: Text on a level's colour: dark on yellow, white on the others.
ON_COLOUR = {"yellow": "#3b3000"}

ALARM = "#b3261e"

#: A table of at most so many rows is drawn with wrapped texts where one is longer than so many letters of Latin script.
FEW_ROWS, LINE_LETTERS = 12, 36

#: What Streamlit's Markdown makes pictures, links, code, formulas and colours of.
MARKS = re.compile(r"([\\`*\[\]<$~])")

#: A cell that a spreadsheet would work out, as it opens the table's CSV; a signed figure, with or without unit, is none.
FORMULA, FIGURE = re.compile(r"[=+\-@\t\r]"), re.compile(r"[-+]\d[\d.,]*( [\w/%·²³]+)?")


def draw(blocks: Iterable[Block], section: Section, run: sc.Run, lang: str) -> None:
    """Draw blocks of a section of a run one below the other."""
    for block in blocks:
        if isinstance(block, Text):
            text(block, lang)
        elif isinstance(block, Table):
            table(block, lang)
        elif isinstance(block, Curve):
            curve(block, run.case.city, lang)
        else:
            st.image(_picture(run.id, section.sheet.id, block.layer.code, block, run.case.city, section))


def plain(said: str) -> str:
    """Return a text that Markdown shows letter by letter: names come from files, and a picture in one would be fetched."""
    return MARKS.sub(r"\\\1", said)


def cell(said: str) -> str:
    """Return a text as the cell of a table, behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{said}" if FORMULA.match(said) and not FIGURE.fullmatch(said) else said


def text(block: Text, lang: str) -> None:
    """Draw a heading, a sentence or a note."""
    said = plain(written(block.said, lang))
    if block.style == "title":
        st.subheader(said)
    elif block.style == "note":
        st.caption(said)
    elif block.style == "alarm":
        st.warning(said)
    else:
        st.markdown(f"**{said}**" if block.style == "strong" else said)


def table(block: Table, lang: str, most: int | None = None) -> None:
    """Draw a table; all of it is shown at once unless that takes more than `most` pixels.

    One of few rows with long texts is drawn as a page would, with wrapped texts; the others, and lists with `most`, can be sorted.
    """
    longest = max((width(written(_text(one), lang)) for row in block.rows for one in row), default=0)
    if most is None and len(block.rows) <= FEW_ROWS and longest > LINE_LETTERS:
        st.table(styled(block, lang, plain).hide(axis="index"))
    else:
        st.dataframe(styled(block, lang, cell), hide_index=True, height=whole(len(block.rows), most))


def whole(rows: int, most: int | None = None) -> int:
    """Return the height at which a table shows every row, but no more than `most`, pixels."""
    height = 38 + 35 * rows
    return height if most is None else min(height, most)


def styled(block: Table, lang: str, shown: Callable[[str], str]) -> Styler:
    """Return a table as text in `lang`, as `shown` makes it safe, with its levels on their colours and its sums in bold."""
    frame = pd.DataFrame(
        [[shown(written(_text(one), lang)) for one in row] for row in block.rows],
        columns=[shown(written(head, lang)) or " " for head in block.heads],
    )
    styles = pd.DataFrame(
        [[_style(one, k in block.sums) for one in row] for k, row in enumerate(block.rows)],
        index=frame.index,
        columns=frame.columns,
    )
    return frame.style.apply(lambda _: styles, axis=None)


def curve(block: Curve, city: City, lang: str) -> None:
    """Draw figures in time, stacked from the first on or as lines, on a clock of 24 hours as everywhere else."""
    labels = [written(label, lang) for label in block.labels]
    frame = block.table.set_axis(labels, axis=1)
    frame.index = pd.DatetimeIndex(frame.index).tz_localize("UTC").tz_convert(city.tz).tz_localize(None)
    hours = "%H:%M" if frame.index[-1] - frame.index[0] < pd.Timedelta(days=1) else "%m-%d %H:%M"
    label = written(block.said, lang) + (f" ({block.unit})" if block.unit else "")
    encoding: dict[str, Any] = {
        "x": {"field": "time", "type": "temporal", "title": None, "axis": {"format": hours, "labelOverlap": True}},
        "y": {"field": "value", "type": "quantitative", "title": label, "stack": "zero" if block.stacked else None},
        "color": {
            "field": "label",
            "type": "nominal",
            "scale": {"domain": labels, "range": list(block.colours)},
            "legend": {"orient": "bottom", "title": None, "labelLimit": 400, "columns": 3},
        },
    }
    if block.stacked:
        encoding["order"] = {"field": "place", "type": "quantitative"}
    parts = [
        pd.DataFrame({"time": frame.index, "place": k, "label": name, "value": frame[name].to_numpy(float)})
        for k, name in enumerate(labels)
    ]
    spec = {"mark": "area" if block.stacked else "line", "height": 260, "encoding": encoding}
    st.vega_lite_chart(pd.concat(parts), spec, width="stretch")


@st.cache_data(show_spinner=False, max_entries=16)
def _picture(run_id: str, hazard: str, code: str, _block: Picture, _city: City, _section: Section) -> bytes:
    return maps.picture(_city, _block, _section.places)


def _text(of: Cell) -> Any:
    return of.said if isinstance(of, Text) else of


def _style(of: Cell, summed: bool) -> str:
    """Return a cell's style as CSS."""
    style = of.style if isinstance(of, Text) else ""
    if style in LEVEL_COLOURS:
        return f"background-color: {LEVEL_COLOURS[style]}; color: {ON_COLOUR.get(style, '#ffffff')}"
    return f"color: {ALARM}" if style == "alarm" else "font-weight: bold" if summed or style == "strong" else ""
