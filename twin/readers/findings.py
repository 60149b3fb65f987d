"""What is wrong with a city's data: one Finding per kind of lie, with count, worst case, place and what was assumed."""

from __future__ import annotations

import networkx as nx
import numpy as np

from twin.city import City, Drains
from twin.finding import Finding
from twin.gaps import terrain_gap
from twin.inp import is_finite, options, read_sections

LID_M = 0.5  # a manhole lid further than this from the terrain is reported, m
LENGTH_SHARE = 0.03  # a median difference of pipe length to drawn length above this is reported


def check_city(city: City) -> list[Finding]:
    """Return what can be seen on a finished city: missing layers, terrain, drains against terrain, roads."""
    found = [Finding("layer_missing", 1, assumed=f"without_{name}", values={"layer": name}) for name in _missing(city)]
    found += _terrain(city) + _gaps(city)
    if city.drains is not None:
        found += check_drains(city, city.drains)
    if len(city.roads):
        loose = [r.id for r in city.roads.itertuples() if r.geometry.length < 0.5]
        if loose:
            found.append(Finding("road_short", len(loose), place=str(loose[0])))
        components = _components(city)
        if components > 1:
            found.append(Finding("roads_apart", components))
    return found


def check_drains(city: City, drains: Drains) -> list[Finding]:
    """Return faults of the drains: off the raster, lids off the terrain, reverse slopes, lengths, imperviousness."""
    nodes, links, grid = drains.nodes, drains.links, city.grid
    found = []
    row, col, inside = grid.cells(nodes.geometry.x.values, nodes.geometry.y.values)
    terrain = np.where(inside, city.surface["terrain"].values[row, col], np.nan)
    off = ~np.isfinite(terrain)
    if off.any():
        found.append(Finding("nodes_off", int(off.sum()), place=str(nodes["id"].values[off][0]), assumed="uncoupled"))
    lids = (nodes["kind"] == "junction").values & ~off
    gap = np.where(lids, nodes["rim_m"].values - terrain, 0.0)
    for code, bad in (("lid_above", gap > LID_M), ("lid_below", gap < -LID_M)):
        if bad.any():
            k = int(np.argmax(np.where(bad, np.abs(gap), -1)))
            found.append(
                Finding(
                    code,
                    int(bad.sum()),
                    f"{gap[k]:+.2f} m",
                    str(nodes["id"].values[k]),
                    assumed="lid_highest",
                    values={"limit": LID_M},
                )
            )
    invert = dict(zip(nodes["id"], nodes["invert_m"], strict=True))
    conduits = links[links["kind"] == "conduit"]
    absolute = options(read_sections(drains.inp)).get("LINK_OFFSETS", "DEPTH").upper() == "ELEVATION"
    base = (lambda node: 0.0) if absolute else invert.__getitem__
    fall = np.array(
        [base(r.from_node) + r.offset_in_m - base(r.to_node) - r.offset_out_m for r in conduits.itertuples()]
    )
    if len(fall) and (fall < -0.01).any():
        k = int(np.argmin(fall))
        found.append(
            Finding(
                "reverse_slope",
                int((fall < -0.01).sum()),
                f"{fall[k]:.2f} m",
                str(conduits["id"].values[k]),
                assumed="as_given",
            )
        )
    drawn = conduits.geometry.length.values
    ratio = conduits["length_m"].values[drawn > 5] / drawn[drawn > 5]
    if len(ratio) and abs(np.median(ratio) - 1.0) > LENGTH_SHARE:
        found.append(
            Finding(
                "pipe_lengths",
                len(ratio),
                f"x {np.median(ratio):.3f}",
                assumed="as_given",
                values={"ratio": float(np.median(ratio))},
            )
        )
    return found + check_imperviousness(drains.inp)


def check_imperviousness(inp: str) -> list[Finding]:
    """Return findings on imperviousness: unreadable, or looking like a fraction where SWMM expects percent."""
    rows = [row for row in read_sections(inp).get("SUBCATCHMENTS", []) if len(row) > 4]
    strange = [row for row in rows if not is_finite(row[4])]
    if strange:
        return [Finding("imperv_unreadable", len(strange), strange[0][4], strange[0][0], assumed="runoff_unused")]
    share = np.array([float(row[4]) for row in rows])
    if len(share) > 3 and 0 < share.max() <= 1.0:
        return [Finding("imperv_fraction", len(share), f"{share.max():g}", assumed="runoff_unused")]
    return []


def _missing(city: City) -> list[str]:
    empty = [
        name for name in ("buildings", "roads", "population", "facilities", "blocks") if not len(getattr(city, name))
    ]
    return empty + ([] if city.drains is not None else ["drains"]) + ([] if city.resources else ["resources"])


def _terrain(city: City) -> list[Finding]:
    terrain = city.surface["terrain"].values
    valid = np.isfinite(terrain)
    found = []
    if np.all(terrain[valid] == np.round(terrain[valid])):
        found.append(Finding("integer_dem", int(valid.sum()), "1 m", assumed="as_given"))
    zeros = valid & (terrain == 0.0)
    if 0 < zeros.sum() < 0.5 * valid.sum() and np.nanmin(np.where(zeros, np.nan, terrain)) > 2.0:
        row, col = np.argwhere(zeros)[0]
        found.append(
            Finding("terrain_zero", int(zeros.sum()), "0.0 m", _at(city, int(row), int(col)), assumed="as_given")
        )
    step = np.abs(np.diff(np.where(valid, terrain, np.nan), axis=1))
    cliff = np.nan_to_num(step) > 3.0 * city.grid.cell_m
    if cliff.any():
        row, col = np.unravel_index(int(np.nanargmax(step)), step.shape)
        found.append(
            Finding(
                "cliff", int(cliff.sum()), f"{np.nanmax(step):.1f} m", _at(city, int(row), int(col)), assumed="as_given"
            )
        )
    return found


def _gaps(city: City) -> list[Finding]:
    """Return what lies where there is no terrain."""
    gap = terrain_gap(city)
    if gap is None:
        return []
    row, col = np.argwhere(~np.isfinite(city.surface["terrain"].values))[0]
    counts = {"terrain_gap": gap.cells, "terrain_gap_used": len(gap.roads) + gap.buildings}
    worst, place = f"{100.0 * gap.share:.3g} %", _at(city, int(row), int(col))
    return [
        Finding(code, counts[code], worst, place, assumed="not_computed", values=values) for code, values in gap.notes()
    ]


def _at(city: City, row: int, col: int) -> str:
    lon, lat = city.grid.lonlat(*city.grid.centre(row, col))
    return f"{lon:.5f}, {lat:.5f}"


def _components(city: City) -> int:
    return int(nx.number_connected_components(city.road_graph))
