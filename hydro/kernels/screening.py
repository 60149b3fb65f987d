"""Capture by inlets up to the capacity of a drain tree, without any flow in the pipes."""

from __future__ import annotations

import numpy as np

from hydro.kernels.exchange import free_inlet
from twin.jit import kernel


@kernel
def demand(wanted_out, h, row, col, inlet_length, inlet_area, open_share, cell_area, weir, orifice, dt):
    """Set `wanted_out` (m3, (n,)) to what free inlets take from depth `h` (m, (ny, nx)) in `dt` s, at most what stands there.

    Weir and orifice as in `hydro.kernels.exchange`; a cell with several manholes may be wanted more than once.
    """
    for k in range(row.size):
        depth = np.float64(h[row[k], col[k]])
        flow = free_inlet(depth, inlet_length[k], inlet_area[k], weir, orifice) * open_share[k]
        wanted_out[k] = min(flow * dt, depth * cell_area)


@kernel
def accept(share_out, flow_scratch, entering, order, down, capacity):
    """Set `share_out` (n,) to the part of what enters each node that reaches an outfall.

    `entering` is m3/s at each node, `capacity` m3/s of its link down, `down` the node below (-1: leaves), `order` the nodes
    from the heads of the tree to its outfalls. A link passes at most its capacity and cuts all that comes to it alike, so
    the share of a node is the product of min(1, capacity / flow) along its way.
    """
    flow_scratch[:] = entering
    for k in range(order.size):
        node = order[k]
        passed = min(flow_scratch[node], capacity[node])
        share_out[node] = passed / flow_scratch[node] if flow_scratch[node] > 0.0 else 1.0
        if down[node] >= 0:
            flow_scratch[down[node]] += passed
    for k in range(order.size - 1, -1, -1):
        node = order[k]
        if down[node] >= 0:
            share_out[node] *= share_out[down[node]]


@kernel
def take(volume_out, h_out, row, col, volume, cell_area):
    """Take `volume` (m3, (n,); < 0 gives) out of `h_out` (m, (ny, nx)); `volume_out` is what it really lost."""
    for k in range(row.size):
        i, j = row[k], col[k]
        depth = np.float64(h_out[i, j])
        h_out[i, j] = max(depth - volume[k] / cell_area, 0.0)
        volume_out[k] = (depth - np.float64(h_out[i, j])) * cell_area
