"""Lay storm drains under the streets: a tree that runs downhill to river outfalls and a pumping station, as a SWMM input.

Pipes are sized by the rational method for the two-year storm of the Wuhan formula (one year in the old town), which is
what such a city has; heavier storms surcharge.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import geopandas as gpd
import networkx as nx
import numpy as np
from shapely import Point

from hydro.storms.design_storm import intensity

MANNING = 0.013
COVER_M = 1.5
SIZES_M = (0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.7, 3.0)
STEP_M = 115.0  # at most this far from manhole to manhole
OUTFALLS_X = (250.0, 880.0, 1500.0, 2760.0, 3300.0, 3820.0)
STATION_X = 2120.0
PUMP_M3_S = 2.2
SLUICE_M = 1.6  # side of the square sluice through the levee beside the pumping station
SLUICE_STAGE_M = 18.0  # the sluice is shut while the river stands above this level, and the pumps lift alone
DIP_M = 78.0  # length of an underpass's ramps, m
DIP_PUMP_M3_S = 0.30  # each underpass lifts its own water to the street drain: about a 10-year storm on its ramps


def lay_drains(
    roads: gpd.GeoDataFrame,
    crossings: list[Point],
    level: Callable[[float, float], float],
    bank: Callable[[float], float],
    west: float,
    south: float,
    stage: float,
) -> tuple[str, Point]:
    """Return the SWMM input text (coordinates moved by `west`, `south`) and where the pumping station stands."""
    graph, at = _street_graph(roads, crossings)
    riverside = sorted(
        {n for r in roads.itertuples() if r.main == "riverside" for n in (r.u, r.v)}, key=lambda n: at[n][0]
    )
    roots = [min(riverside, key=lambda n, x=x: abs(at[n][0] - x)) for x in OUTFALLS_X]
    station = min(riverside, key=lambda n: abs(at[n][0] - STATION_X))
    ground = {n: level(*xy) for n, xy in at.items()}

    def climb(a: str, b: str, edge: dict[str, float]) -> float:
        """Cost of flowing from b to a: length, dearer where the ground rises along the flow."""
        return edge["length"] * (1.0 + 60.0 * max(0.0, ground[a] - ground[b]) / edge["length"] * 4.0)

    down: dict[str, str] = {}
    _, paths = nx.multi_source_dijkstra(graph, {*roots, station}, weight=climb)
    for node, path in paths.items():
        if len(path) > 1:
            down[node] = path[-2]
    order = sorted(down, key=lambda n: -len(paths[n]))
    invert, pipes = _size(order, down, at, graph, ground)
    dips = {f"DIP{k + 1}": (p.x, p.y) for k, p in enumerate(sorted(crossings, key=lambda p: p.x))}
    lift = {
        name: min(down, key=lambda n, xy=xy: np.hypot(at[n][0] - xy[0], at[n][1] - xy[1])) for name, xy in dips.items()
    }
    at |= dips
    ground |= {name: level(*xy) for name, xy in dips.items()}
    text = _write(order, down, at, graph, ground, invert, pipes, roots, station, bank, west, south, stage, lift)
    return text, Point(at[station])


def _street_graph(roads: gpd.GeoDataFrame, crossings: list[Point]) -> tuple[nx.Graph, dict[str, tuple[float, float]]]:
    """Return streets as a graph whose edges are at most STEP_M long; no manhole opens in the dip of an underpass."""
    graph, at = nx.Graph(), {}
    for k, road in enumerate(roads.itertuples()):
        line = road.geometry
        at[road.u], at[road.v] = line.coords[0][:2], line.coords[-1][:2]
        pieces = max(1, int(np.ceil(line.length / STEP_M)))
        chain = [road.u, *[f"m{k:04d}{chr(97 + i)}" for i in range(pieces - 1)], road.v]
        along = {name: i / pieces for i, name in enumerate(chain)}
        for name in chain[1:-1]:
            p = line.interpolate(along[name], normalized=True)
            if min(p.distance(c) for c in crossings) > DIP_M:
                at[name] = (p.x, p.y)
        chain = [n for n in chain if n in at]
        for a, b in itertools.pairwise(chain):
            graph.add_edge(a, b, length=max((along[b] - along[a]) * line.length, 5.0))
    return graph, at


def _size(order, down, at, graph, ground):  # type: ignore[no-untyped-def]
    """Return the invert (m) of each node and the diameter (m) of the pipe that leaves it."""
    own = 1120.0 / len(at)  # built-up area shared by all manholes, ha
    area = dict.fromkeys(at, own)
    minutes = dict.fromkeys(at, 8.0)
    invert = {n: ground[n] - COVER_M - 0.6 for n in at}
    storm = intensity("wuhan", 2)
    pipes: dict[str, float] = {}
    for node in order:
        below = down[node]
        length = graph.edges[node, below]["length"]
        old = 1330 < at[node][0] < 3000 and at[node][1] < 1500
        rate = float(storm.depth_mm(minutes[node])) / minutes[node] / 60e3 * (0.75 if old else 1.0)  # m/s
        flow = 0.68 * rate * area[node] * 1e4
        fall = max((invert[node] - (ground[below] - COVER_M - 0.6)) / length, 0.0012)
        slope = min(fall, 0.02)
        bore = (flow * MANNING * 4 ** (5 / 3) / (np.pi * slope**0.5)) ** (3 / 8)
        pipes[node] = next((s for s in SIZES_M if s >= bore), SIZES_M[-1])
        area[below] += area[node]
        minutes[below] = max(minutes[below], minutes[node] + length / 60.0)
        invert[below] = min(invert[below], invert[node] - 0.0012 * length)
    for node in order:  # a pipe never shrinks downstream
        above = [pipes[n] for n in order if down[n] == node]
        if above and node in pipes:
            pipes[node] = max(pipes[node], *above)
    return invert, pipes


def _write(order, down, at, graph, ground, invert, pipes, roots, station, bank, west, south, stage, lift):  # type: ignore[no-untyped-def]
    nodes = [n for n in at if n in down or n in (*roots, station)]
    outfall = {root: f"OUT{k + 1}" for k, root in enumerate(roots)}
    place = {n: at[n] for n in nodes} | {outfall[r]: (at[r][0], bank(at[r][0]) - 4.0) for r in roots}
    place["OUT_PUMP"] = (at[station][0], bank(at[station][0]) - 4.0)
    place["OUT_SLUICE"] = (at[station][0] + 30.0, bank(at[station][0]) - 4.0)
    place |= {d: at[d] for d in lift} | {f"SUMP_{d}": (at[d][0] + 12.0, at[d][1]) for d in lift}
    place["RISER"] = (at[station][0] - 18.0, at[station][1] + 18.0)
    place["WELL"] = (at[station][0] + 18.0, at[station][1] + 18.0)
    well = invert[station] - 2.5
    rows = {
        "TITLE": ["Linjiang storm drains, made by data/linjiang/make_city.py"],
        "OPTIONS": ["FLOW_UNITS CMS", "FLOW_ROUTING DYNWAVE", "LINK_OFFSETS ELEVATION", "ALLOW_PONDING YES", "START_DATE 06/20/2026",
                    "START_TIME 18:00:00", "END_DATE 06/21/2026", "END_TIME 00:00:00", "ROUTING_STEP 5", "VARIABLE_STEP 0.75",
                    "MIN_SURFAREA 1.17", "MAX_TRIALS 8", "HEAD_TOLERANCE 0.0015", "INERTIAL_DAMPING PARTIAL", "LENGTHENING_STEP 5", "SURCHARGE_METHOD SLOT"],
        "JUNCTIONS": [f"{n} {invert[n]:.3f} {ground[n] - invert[n]:.3f} 0 0 0" for n in nodes]
        + [f"{d} {ground[d] - 1.2:.3f} 1.2 0 0 0" for d in lift]
        + [f"RISER {stage:.3f} 8.0 0 0 0"],
        "OUTFALLS": [f"{o} {max(invert[r] - 0.4, 15.5):.3f} FIXED {stage} YES" for r, o in outfall.items()] + [f"OUT_PUMP {stage:.3f} FIXED {stage} NO", f"OUT_SLUICE {invert[station]:.3f} FIXED {stage} NO"],
        "STORAGE": [f"WELL {well:.3f} {ground[station] - well + 5.0:.3f} 1.0 FUNCTIONAL 0 0 220 0 0"]
        + [f"SUMP_{d} {ground[d] - 4.0:.3f} 7.0 0.3 FUNCTIONAL 0 0 30 0 0" for d in lift],
        "CONDUITS": [f"P_{n} {n} {down[n]} {graph.edges[n, down[n]]['length']:.2f} {MANNING} {invert[n]:.3f} {invert[down[n]]:.3f} 0 0" for n in order]
        + [f"P_{o} {r} {o} {max(20.0, at[r][1] - place[o][1]):.2f} {MANNING} {invert[r]:.3f} {max(invert[r] - 0.4, 15.5):.3f} 0 0" for r, o in outfall.items()]
        + [f"P_RISER RISER OUT_PUMP {at[station][1] - place['OUT_PUMP'][1]:.2f} {MANNING} {stage + 0.3:.3f} {stage:.3f} 0 0"]
        + [f"P_{d} {d} SUMP_{d} 15 {MANNING} {ground[d] - 1.2:.3f} {ground[d] - 1.5:.3f} 0 0" for d in lift]
        + [f"P_WELL {station} WELL 25 {MANNING} {invert[station]:.3f} {well + 1.0:.3f} 0 0"],
        "PUMPS": ["PU1 WELL RISER PUMP_CURVE ON 1.2 0.5", "PU2 WELL RISER PUMP_CURVE ON 1.8 0.8"]
        + [f"PU_{d} SUMP_{d} {n} DIP_CURVE ON 0.8 0.3" for d, n in lift.items()],
        "ORIFICES": [f"SLUICE {station} OUT_SLUICE SIDE {invert[station]:.3f} 0.65 YES 0.05"],
        "CONTROLS": [f"RULE SLUICE\nIF NODE OUT_SLUICE HEAD > {SLUICE_STAGE_M}\nTHEN ORIFICE SLUICE SETTING = 0\nELSE ORIFICE SLUICE SETTING = 1"],
        "CURVES": [f"PUMP_CURVE PUMP2 1.0 {PUMP_M3_S / 2:.2f}", f"PUMP_CURVE 20.0 {PUMP_M3_S:.2f}",
                   f"DIP_CURVE PUMP2 20.0 {DIP_PUMP_M3_S:.2f}"],
        "XSECTIONS": [f"P_{n} CIRCULAR {pipes[n]} 0 0 0 1" for n in order]
        + [f"P_{o} CIRCULAR {_largest(r, order, down, pipes)} 0 0 0 1" for r, o in outfall.items()]
        + ["P_RISER CIRCULAR 2.0 0 0 0 1"]
        + [f"P_{d} CIRCULAR 0.6 0 0 0 1" for d in lift]
        + [f"SLUICE RECT_CLOSED {SLUICE_M} {SLUICE_M} 0 0"]
        + [f"P_WELL CIRCULAR {_largest(station, order, down, pipes)} 0 0 0 1"],
        "COORDINATES": [f"{n} {x + west:.2f} {y + south:.2f}" for n, (x, y) in place.items()],
    }  # fmt: skip
    return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in rows.items())


def _largest(root, order, down, pipes):  # type: ignore[no-untyped-def]
    return max([pipes[n] for n in order if down[n] == root], default=1.0)
