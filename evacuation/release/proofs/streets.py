"""The street form against exact answers: a regular grid of streets, air in balance on crooked roads, mass, boxes that are halved."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import shapely
from scipy.special import comb

from evacuation.release.kernels.street_boxes import SOURCE
from evacuation.release.proofs.worlds import NORTH, WEST, streets
from evacuation.release.streets.network import BOX_M, Boxes, Network, network_of
from evacuation.release.streets.wind import StreetWind
from twin.proof import Reference

#: Streets between neighbouring junctions, their width and height (m), junctions on a side.
APART_M, WIDTH_M, HEIGHT_M, SIDE = 120.0, 20.0, 15.0, 8
#: Speed along a street that the wind follows, speed through the roof (m s-1), source (kg s-1).
SPEED, EXCHANGE, RATE = 2.0, 0.15, 1.0
BOXES_M = (40.0, BOX_M, 10.0, 5.0)


def grid(box_m: float) -> Network:
    """Return the network of a square grid of streets, all of them canyons, closed at the rim like every other junction."""
    roads = streets(APART_M, SIDE)
    every = np.ones(len(roads), bool)
    return network_of(roads, np.full(len(roads), WIDTH_M), np.full(len(roads), HEIGHT_M), every, box_m)


def blown(net: Network, swing: float, east: float = math.sqrt(0.5)) -> Boxes:
    """Return the boxes of a network in a steady wind to the south-east, or another one that has the eastward part `east`."""
    boxes, even = Boxes(net), np.ones(len(net.road))
    boxes.blow(StreetWind(SPEED * even, EXCHANGE * even, east, -math.sqrt(1.0 - east**2), swing))
    return boxes


def settled(boxes: Boxes, source: np.ndarray) -> Boxes:
    """Return the boxes once nothing changes any more, under clean air."""
    above, outside = np.zeros(len(boxes.c)), np.zeros(len(boxes.network.node_x))
    for _ in range(200):
        boxes.advance(60.0, source, above, outside)
    return boxes


@cache
def diagonal(box_m: float) -> dict[str, float]:
    """Return how far a steady source's gas in the grid is from exact, wind along the diagonal.

    The source stands in the first street's last box, before the junction (1, 0). Each junction mixes two equal streams and sends
    half on either way; a street of n boxes keeps the share a^n, a = 1 / (1 + u_d L / (n u H)), of what enters. So the stream that
    leaves (1 + i, j) is the first times (a^n / 2)^(i + j) times the number of ways, (i + j over i). As n grows, a^n goes to
    exp(-u_d L / (u H)).
    """
    net = grid(box_m)
    count = int(net.first_box[1])
    source = np.zeros(len(net.volume))
    source[count - 1] = RATE
    boxes = settled(blown(net, 0.0), source)
    speed = SPEED * math.sqrt(0.5)
    one = 1.0 / (1.0 + EXCHANGE * APART_M / (count * speed * HEIGHT_M))
    mixed = 0.5 * RATE * one / (speed * WIDTH_M * HEIGHT_M)  # a half in each stream that leaves the first junction
    across = np.arange(SIDE)
    exact, limit = [], []
    for i in across[: SIDE - 2]:
        for j in across[: SIDE - 1]:
            ways = comb(i + j, i) * 0.5 ** (i + j)
            exact.append(mixed * ways * one ** (count * (i + j)))
            limit.append(mixed / one * ways * math.exp(-(i + j) * EXCHANGE * APART_M / (speed * HEIGHT_M)))
    found = np.array([boxes.c[_first(net, 1 + i, j)] for i in across[: SIDE - 2] for j in across[: SIDE - 1]]) / one
    return {
        "boxes": float(np.abs(found / np.array(exact) - 1.0).max()),
        "limit": float(np.abs(found / np.array(limit) - 1.0).max()),
        "mass": abs(boxes.balance(1.0).error),
    }


def _first(net: Network, i: int, j: int) -> int:
    """Return the first box of the street that leaves junction (i, j) eastward."""
    x = WEST + APART_M * (i + 1 + 0.5 / int(net.first_box[1]))
    return int(np.argmin(np.hypot(net.box_x - x, net.box_y - (NORTH - APART_M * (j + 1)))))


def street_grid(_: Reference) -> dict[str, float]:
    """Return errors against the boxes' exact answer, mass, and how the error against endless boxes falls."""
    found = [diagonal(box_m) for box_m in BOXES_M]
    limits = [row["limit"] for row in found]
    return {
        "worst": max(row["boxes"] for row in found),
        "mass": max(row["mass"] for row in found),
        "limit": limits[BOXES_M.index(BOX_M)],
        "order": min(math.log2(a / b) for a, b in pairwise(limits)),
        "crooked": crooked(),
        "crooked_mass": crooked(source=True),
    }


@cache
def crooked(source: bool = False) -> float:
    """Return how far gas that is everywhere alike is from staying so, on crooked streets of all widths in a wind that swings.

    It stays only if air is balanced in each box and at each junction. With `source`, the error of the ledger of a source there instead.
    """
    drawn = np.random.default_rng(7)
    roads = streets(APART_M, SIDE)
    shift = {name: drawn.normal(0.0, 25.0, 2) for name in sorted({*roads["u"], *roads["v"]})}
    lines = [
        shapely.LineString([np.array(line.coords[0]) + shift[u], line.centroid.coords[0] + drawn.normal(0.0, 15.0, 2),
                            np.array(line.coords[-1]) + shift[v]])
        for line, u, v in zip(roads.geometry, roads["u"], roads["v"], strict=True)
    ]  # fmt: skip
    size = len(roads)
    some = drawn.random(size) < 0.85
    net = network_of(
        roads.set_geometry(lines), drawn.uniform(8.0, 40.0, size), drawn.uniform(5.0, 40.0, size), some, 40.0
    )
    boxes = blown(net, 0.4, east=0.8)
    if source:
        let = np.zeros(len(boxes.c))
        let[len(let) // 2] = RATE
        settled(boxes, let)
        return abs(boxes.balance(1.0).error) if boxes.ledger[SOURCE] > 0.0 and boxes.c.min() >= 0.0 else math.inf
    boxes.c[:] = 1.0
    for _ in range(60):
        boxes.advance(20.0, np.zeros(len(boxes.c)), np.ones(len(boxes.c)), np.ones(len(net.node_x)))
    return float(np.abs(boxes.c - 1.0).max())
