"""The chart of what drives a run: what falls and levels in one panel, every other driver in a panel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from twin.bridge.drives import Curve
from twin.bridge.fonts import family
from twin.bridge.maps import PAPER, both, in_both, local_times, png, time_axis
from twin.bridge.shapes import INK
from twin.city import City

AMOUNT_LINE, AMOUNT_FILL, LEVEL, OTHER = "#2a6db3", "#9fcbe8", "#7a4b1f", "#3f6f5a"
MOST_LINES = 6  # places or sensors drawn in one panel
LEAST_PERSONS = 10  # fewer, but for nobody, are not drawn, as they are not told
ARROWS = 20  # along a vector


def chart(curves: Sequence[Curve], city: City) -> bytes | None:
    """Return a PNG of the drivers of a city over the run, each value from its time on; None where there is nothing to draw.

    Beside what falls and levels, what stays the same is not drawn: its row says all.
    """
    amount = next((c for c in curves if "amount" in c.tags), None)
    level = next((c for c in curves if "level" in c.tags), None)
    others: dict[str, list[Curve]] = {}
    for curve in curves:
        if curve is not amount and curve is not level and _moves(curve):
            others.setdefault(curve.name, []).append(curve)
    first, tz = amount or level, city.tz
    if first is None and not others:
        return None
    with mpl.rc_context({"font.family": family(), "axes.unicode_minus": False}):
        heights = ([2.6] if first else []) + [1.7] * len(others)
        figure = Figure(figsize=(9.6, max(2.6, sum(heights))), dpi=120, layout="constrained", facecolor=PAPER)
        panels = list(
            np.atleast_1d(figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights}))
        )
        if first is not None:
            _amount_and_level(panels[0], amount, level, tz)
        for axes, group in zip(panels[1 if first else 0 :], others.values(), strict=True):
            _others(axes, group, city)
        for axes in panels:
            time_axis(axes, tz)
            if axes is not panels[-1]:
                axes.set_xlabel("")
        panels[0].spines["right"].set_visible(amount is not None and level is not None)
        spans = [c.values.index for c in curves if len(c.values) and "readings" not in c.tags]
        if spans:
            panels[0].set_xlim(*local_times(spans[0][[0, -1]], tz))
        return png(figure)


def _amount_and_level(axes: Any, amount: Curve | None, level: Curve | None, tz: Any) -> None:
    if amount is not None:
        times = local_times(amount.values.index, tz)
        axes.step(times, amount.values.values, where="post", color=AMOUNT_LINE)
        axes.fill_between(times, amount.values.values, step="post", color=AMOUNT_FILL)
        axes.set_ylabel(_label(amount), color=INK)
        axes.set_ylim(bottom=0)
    if level is not None:
        stage = level.values
        other = axes.twinx() if amount is not None else axes
        other.step(local_times(stage.index, tz), stage.values, where="post", color=LEVEL, linewidth=2)
        other.set_ylabel(_label(level), color=LEVEL)
        if stage.max() - stage.min() < 1.0:  # a level that hardly moves is no mountain
            middle = (stage.max() + stage.min()) / 2
            other.set_ylim(middle - 1.0, middle + 1.0)
        other.spines["top"].set_visible(False)


def _others(axes: Any, group: list[Curve], city: City) -> None:
    """Draw a vector's speed with arrows, readings as points, others as steps; a line for each place or sensor."""
    for curve in group[:MOST_LINES]:
        times, values = local_times(curve.values.index, city.tz), curve.values.to_numpy(float)
        label = None if curve.thing is None else in_both(city.place_name(curve.thing))
        colour = OTHER if curve.thing is None else None
        if "persons" in curve.tags:
            values = np.where((values > 0.0) & (values < LEAST_PERSONS), np.nan, values)
        if curve.across is not None:
            speed = np.hypot(values, curve.across.to_numpy(float))
            axes.step(times, speed, where="post", color=colour)
            at = pd.date_range(times[0], times[-1], ARROWS + 2)[1:-1]
            now = np.searchsorted(times, at, side="right") - 1
            now, at = now[speed[now] > 0], at[speed[now] > 0]
            east, north = values[now] / speed[now], curve.across.to_numpy(float)[now] / speed[now]
            axes.quiver(at, speed[now], east, north, scale=40, width=0.0025, color=INK, zorder=3)
            axes.set_ylim(0, max(1.0, 1.3 * speed.max()))
        elif "readings" in curve.tags:
            axes.plot(times, values, marker=".", linewidth=0.8, label=label)
        else:
            axes.step(times, values, where="post", color=colour, label=label)
    axes.set_title(_label(group[0]), color=INK, fontsize=9, loc="left")
    if "persons" in group[0].tags:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e4e4e4")
    if group[0].thing is not None:
        axes.legend(loc="best", fontsize=7, frameon=False)


def _moves(curve: Curve) -> bool:
    parts = [curve.values] if curve.across is None else [curve.values, curve.across]
    return any(part.nunique() > 1 for part in parts)


def _label(curve: Curve) -> str:
    name = f"{curve.label['zh']} {curve.label['en']} ({curve.unit})"
    return name if curve.across is None else f"{name} {both('chart.arrows')}"
