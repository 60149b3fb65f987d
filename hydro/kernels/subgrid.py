"""Local-inertial flow between coarse cells that know their fine terrain (tables: `subgrid_tables`, arrays: `subgrid_layout`).

    Q' = Q* / [1 + g A dt |Q'| / K^2] = 2 Q* / [1 + sqrt(1 + 4 g A dt |Q*| / K^2)]
    Q* = theta Q + (1 - theta)/2 (Q- + Q+) + g A dt S

is the q-centred scheme of de Almeida et al. (2012, doi:10.1029/2011WR011570) for the discharge Q (m3/s) of a whole face, with
its wet area A and conveyance K from the fine beds (van Ormondt et al. 2025, doi:10.5194/gmd-18-843-2025; Neal et al. 2012,
doi:10.1029/2012WR012514). S is the slope of the water level between the centres. Friction is that of the new discharge: with
that of the old one a thin film under the long steps of coarse cells flows too fast and too slowly in turn.

Depth at a face: the higher beds of the fine pairs stand, on a slope, half a fine cell upstream of the sections, so the level is
read there, (1 - 1/factor)/2 of the way down from the higher level to the lower. It is so where the lower level drowns the sill,
from two thirds of the higher one's depth over it on (critical depth of a broad crest). Below, the water of the cell above need
not stand level: it runs down its bed as a *film*, or freely over its edge. With no water below at the sill the face conveys what
an even film of the depth h does over all its open width, at most what the two thirds do; between, both count by the depth of
the lower level. Factor 1 reads the higher level, as the plain scheme does.

Fall at a face: that of the levels, but a ledge beyond the cell's edge does not pull: at most the fall of the bed across the
cell above, and of the depth h from its centre to its edge.

Limits act on the flux: Froude <= 1 (a film may be faster as in `hydro.kernels.inertial`: v^2 <= g DROP fall), and the flows
that leave a cell share what it holds. Where little of a cell is wet its
level answers too fast for the step; there A is held at what the step can bear, in both terms, which slows the answer
and leaves the balance of slope and friction as it is: g A dt^2 / (dx wet area) <= courant^2, as on a cell that is wet all over.

Memory of the straight piece: cells and faces keep the piece of their table on which they stand. A pass compares, and only those
that left their piece read the table again: a few in a thousand per step.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from hydro.kernels.floats import DROP, DRY_M, GRAVITY, inverse_cube_root
from hydro.kernels.inertial_rows import CLIFF, FILM_WAVE, THETA
from hydro.kernels.subgrid_layout import BLOCK
from hydro.kernels.subgrid_rim import over_rim
from hydro.kernels.subgrid_tables import PER_M, STARTS, piece_at
from twin.jit import kernel

LEAST_M = 1e-30  # below it numbers of float32 lose their digits one by one
SHARE = 1.0 - 2e-6  # of a cell's water may leave in one step: rounding in float32 must not overdraw it


@kernel
def excess(
    x_out, fall_out, thin_out, left_out, piece, r0, r1, even, sill, level0, level1, h0, h1, bed_fall0, bed_fall1,
    reach,
):  # fmt: skip
    """Write what drives a row of faces: see above. 1 in `left_out` where a face left its piece of the table.

    `x_out` is the depth over the sill, m; `fall_out` the fall towards side 1, m; `thin_out` the part of it that a film
    may turn into speed, m, which is zero where the water is no film.
    """
    real = x_out.dtype.type
    zero, one, crest, dry, drop = real(0.0), real(1.0), real(2.0 / 3.0), real(DRY_M), real(DROP)
    for c in range(x_out.size):
        down = level0[c] - level1[c]
        first = down > zero
        h, bed_fall = h0[c] if first else h1[c], bed_fall0[c] if first else bed_fall1[c]
        high = max(level0[c], level1[c]) - sill[c]
        pool = crest * high
        film = max((even[c] * h - r0[c]) / r1[c], zero)
        one_part = one / max(pool, dry)
        read = max(high - reach * abs(down), pool)
        base = min(film, read)
        drowned = min(max(high - abs(down), zero) * one_part, one)
        x = base + (read - base) * drowned
        fall = min(abs(down), h + h + bed_fall)
        x_out[c] = x
        fall_out[c] = fall if first else -fall
        thin_out[c] = drop * min(fall, bed_fall) * max(pool - x, zero) * one_part
        left_out[c] = piece_at(x) != piece[c]


@kernel
def momentum(
    raw_out, x, fall, thin, lift, breadth, r0, r1, q, q_before, q_after, wet0, wet1, drive, cap
):  # fmt: skip
    """Write the new discharge (m3/s, towards side 1) of a row of faces; return the bits of what rules the next step.

    That is the largest depth A / width, m, or v^2 / g of the fastest film, FILM_WAVE-fold on slopes below CLIFF. `drive` = g dt /
    dx, dx; `cap` the largest A per wet area of the smaller cell that the step can bear. Dry faces are computed and then
    set to zero, and the depth is compared as an integer, so that LLVM vectorises the loop.
    """
    real = raw_out.dtype.type
    dry, centre, side, g = real(DRY_M), real(THETA), real(0.5 * (1.0 - THETA)), real(GRAVITY)
    zero, one, two, four = real(0.0), real(1.0), real(2.0), real(4.0)
    cliff, wave, steep_wave = real(CLIFF) * drive[1], real(FILM_WAVE / GRAVITY), real(1.0 / GRAVITY)
    deepest = np.int32(0)
    for c in range(raw_out.size):
        d = max(x[c], dry)
        depth = d + lift[c]
        area = breadth[c] * depth
        y = inverse_cube_root(r0[c] + r1[c] * d)
        y2 = y * y
        y4 = y2 * y2
        most = area * math.sqrt(g * max(depth, thin[c]))
        push = drive[0] * min(area, cap * min(wet0[c], wet1[c]))
        old = centre * q[c] + side * (q_before[c] + q_after[c])
        driven = old + push * fall[c]
        drag = four * drive[1] * push * (y4 * y4 * y2)
        new = two * driven / (one + math.sqrt(one + drag * abs(driven)))
        new = min(max(new, -most), most)
        new = new if x[c] > dry else zero
        raw_out[c] = new
        v = new / area
        fast = v * v * (wave if abs(fall[c]) < cliff else steep_wave)
        rules = max(depth, fast if thin[c] > zero else zero)
        deepest = max(deepest, np.float32(rules).view(np.int32))
    return deepest


@kernel
def collect(moved_out, left, words):
    """List where `left` is 1; return how many. `words` is its memory, eight at a time, with zeros behind it."""
    count = 0
    for w in range(words.size):
        if words[w] != 0:
            for c in range(8 * w, 8 * w + 8):
                moved_out[count] = c
                count += left[c]
    return count


@kernel
def reread_faces(piece_out, lift_out, breadth_out, r0_out, r1_out, moved, x, table):
    """Give the faces that left their piece of the table the one on which they stand now."""
    for c in moved:
        k = piece_at(x[c])
        start, per_m = STARTS[k], PER_M[k]
        piece_out[c] = k
        breadth = (table[c, k + 1, 0] - table[c, k, 0]) * per_m
        r1 = (table[c, k + 1, 1] - table[c, k, 1]) * per_m
        breadth_out[c] = breadth
        r1_out[c] = r1
        lift_out[c] = table[c, k, 0] / breadth - start
        r0_out[c] = table[c, k, 1] - r1 * start


@kernel
def face_band(f, cells, scratch, band, width, start, stop, dt, dx, fine_area, reach, bearable):
    """Compute the discharges of the faces start..stop of both directions; note the largest face depth of the band."""
    real = f.q.dtype.type
    drive, cap, reach = (
        (real(GRAVITY * dt / dx), real(dx)),
        real(bearable * dx * fine_area / (GRAVITY * dt * dt)),
        real(reach),
    )
    level, wet, h, bed_fall = cells.level, cells.wet, cells.h, cells.bed_fall
    words, moved = scratch.words[band], scratch.moved[band]
    deepest = np.int32(0)
    for b in range(start, stop, BLOCK):
        e = min(b + BLOCK, stop)
        x, fall, thin = scratch.x[band, : e - b], scratch.fall[band, : e - b], scratch.thin[band, : e - b]
        left = scratch.left[band]
        left[e - b : e - b + 8] = 0
        for d in range(2):
            s = 1 if d == 0 else width
            piece, lift, breadth = f.piece[d, b:e], f.lift[d, b:e], f.breadth[d, b:e]
            r0, r1 = f.r0[d, b:e], f.r1[d, b:e]
            excess(
                x, fall, thin, left[: e - b], piece, r0, r1, f.even[d, b:e], f.sill[d, b:e],
                level[b - s : e - s], level[b:e], h[b - s : e - s], h[b:e], bed_fall[b - s : e - s], bed_fall[b:e], reach,
            )  # fmt: skip
            count = collect(moved, left, words[: (e - b + 7) // 8])
            reread_faces(piece, lift, breadth, r0, r1, moved[:count], x, f.table[d, b:e])
            deep = momentum(
                f.raw[d, b:e], x, fall, thin, lift, breadth, r0, r1, f.q[d, b:e], f.q[d, b - s : e - s], f.q[d, b + s : e + s],
                wet[b - s : e - s], wet[b:e], drive, cap,
            )  # fmt: skip
            deepest = max(deepest, deep)
    scratch.deepest[band] = deepest
    around = slice(start - width, stop + width)  # the neighbour bands' depths too: later they would be new already
    gifts(scratch.share[band, around], cells.h[around], cells.area[around])


@kernel
def gifts(gift_out, h, area):
    """Write what each cell can give in a step, m3: nothing where its depth is so small that SHARE drowns in rounding."""
    real = gift_out.dtype.type
    most, least, zero = real(SHARE), real(LEAST_M), real(0.0)
    for c in range(h.size):
        gift_out[c] = most * h[c] * area[c] if h[c] > least else zero


@kernel
def shares(share_out, west, east, north, south, dt):
    """Turn what a cell can give into the share of the wanted outflow that leaves: 1, or gift over outflow in the step."""
    real = share_out.dtype.type
    zero, one, tiny = real(0.0), real(1.0), real(1e-30)
    for c in range(share_out.size):
        out = max(-west[c], zero) + max(east[c], zero) + max(-north[c], zero) + max(south[c], zero)
        share_out[c] = min(one, share_out[c] / max(out * dt, tiny))


@kernel
def settle(qx_out, qy_out, net_out, west, east, north, south, s, s_west, s_east, s_north, s_south):
    """Write the flows after sharing and what they bring to each cell, m3/s."""
    zero = net_out.dtype.type(0.0)
    for c in range(net_out.size):
        own, from_west, from_east, from_north, from_south = s[c], s_west[c], s_east[c], s_north[c], s_south[c]
        qx = west[c] * (from_west if west[c] > zero else own)
        qy = north[c] * (from_north if north[c] > zero else own)
        out = east[c] * (own if east[c] > zero else from_east)
        out += south[c] * (own if south[c] > zero else from_south)
        qx_out[c] = qx
        qy_out[c] = qy
        net_out[c] = qx + qy - out


@kernel
def fill(h_out, highest_out, left_out, net, source, area, per_area, low, high, dt):
    """Add flow and source to the mean depths; mark the cells that left their piece of the table."""
    for c in range(h_out.size):
        h = h_out[c] + (net[c] + source[c] * area[c]) * dt * per_area[c]
        h_out[c] = h
        highest_out[c] = max(highest_out[c], h)
        left_out[c] = (h < low[c]) | (h >= high[c])


@kernel
def reread_cells(cells, moved, first, fine_area):
    """Give the cells `first + moved` the straight piece on which their mean depth stands.

    The wet beds are counted without a jump, so that the processor fetches the next rows of the table meanwhile.
    """
    h, area, beds, full = cells.h, cells.area, cells.beds, cells.full
    low, high, base, rise, wet = cells.low, cells.high, cells.base, cells.rise, cells.wet
    for m in moved:
        c = first + m
        k = 0
        for j in range(full.shape[1]):
            k += full[c, j] <= h[c]
        low[c] = full[c, k - 1]
        high[c] = full[c, k]
        base[c] = beds[c, k - 1]
        rise[c] = area[c] / (k * fine_area)
        wet[c] = k


@kernel
def levels(level_out, h, low, base, rise):
    """Write the water level, m, of a row of cells."""
    for c in range(h.size):
        level_out[c] = base[c] + rise[c] * (h[c] - low[c])


@kernel
def stand(cells, net, left, words, moved, b, e, dt, fine_area):
    """Bring the cells b..e to the depths that `net` (m3/s) and source make in `dt`, and to the levels that belong to them."""
    h, area, low, high, base, rise = cells.h, cells.area, cells.low, cells.high, cells.base, cells.rise
    left[e - b : e - b + 8] = 0
    fill(
        h[b:e], cells.highest[b:e], left[: e - b], net[: e - b], cells.source[b:e], area[b:e], cells.per_area[b:e],
        low[b:e], high[b:e], dt,
    )  # fmt: skip
    count = collect(moved, left, words[: (e - b + 7) // 8])
    reread_cells(cells, moved[:count], b, fine_area)
    levels(cells.level[b:e], h[b:e], low[b:e], base[b:e], rise[b:e])


@kernel
def cell_band(cells, f, scratch, band, width, start, stop, dt, fine_area):
    """Bring the cells start..stop to the new time."""
    w, raw, share, dt = width, f.raw, scratch.share[band], f.q.dtype.type(dt)
    for b in range(start - w, stop + w, BLOCK):
        e = min(b + BLOCK, stop + w)
        west, east, north, south = raw[0, b:e], raw[0, b + 1 : e + 1], raw[1, b:e], raw[1, b + w : e + w]
        shares(share[b:e], west, east, north, south, dt)
    net = scratch.x[band]
    for b in range(start, stop, BLOCK):
        e = min(b + BLOCK, stop)
        settle(
            f.q[0, b:e], f.q[1, b:e], net[: e - b],
            raw[0, b:e], raw[0, b + 1 : e + 1], raw[1, b:e], raw[1, b + w : e + w],
            share[b:e], share[b - 1 : e - 1], share[b + 1 : e + 1], share[b - w : e - w], share[b + w : e + w],
        )  # fmt: skip
        stand(cells, net, scratch.left[band], scratch.words[band], scratch.moved[band], b, e, dt, fine_area)


@kernel
def take_up(deepest_out, f, cells, scratch, width, start, stop, dx, fine_area, reach):
    """Find the levels of depths that were written from outside, and the largest face depth where none is known (0)."""
    scratch.x[0] = 0.0
    for b in range(start, stop, BLOCK):
        e = min(b + BLOCK, stop)
        stand(
            cells,
            scratch.x[0],
            scratch.left[0],
            scratch.words[0],
            scratch.moved[0],
            b,
            e,
            f.q.dtype.type(0.0),
            fine_area,
        )
    if deepest_out[0] == 0.0:
        face_band(f, cells, scratch, 0, width, start, stop, 1.0, dx, fine_area, reach, 1.0)
        deepest_out[0] = np.float64(np.int32(scratch.deepest[0]).view(np.float32))


@kernel
def book(booked_out, cells, f, rim, held, width, dt, fine_area):
    """Set held cells back to their level and book (m3) what they took and gave, and what left over the rim."""
    for k in range(held.cell.size):
        c = held.cell[k]
        gain = (f.q[0, c] - f.q[0, c + 1] + f.q[1, c] - f.q[1, c + width]) * np.float64(dt)
        gain += cells.source[c] * cells.area[c] * np.float64(dt)
        booked_out[2 if held.swallows[k] else 0] += max(gain, 0.0)
        booked_out[1] += max(-gain, 0.0)
        cells.h[c] = held.h[k]
        cells.highest[c] = held.h[k]
    reread_cells(cells, held.cell, 0, fine_area)
    for c in held.cell:
        cells.level[c] = cells.base[c] + cells.rise[c] * (cells.h[c] - cells.low[c])
    for m in range(rim.face.size):
        booked_out[2] += rim.sign[m] * f.q[rim.direction[m], rim.face[m]] * np.float64(dt)


@kernel(parallel=True)
def all_faces(f, cells, scratch, edges, width, dt, dx, fine_area, reach, bearable):
    """Run `face_band` over all bands at once."""
    for band in prange(edges.size - 1):
        face_band(f, cells, scratch, band, width, edges[band], edges[band + 1], dt, dx, fine_area, reach, bearable)


@kernel(parallel=True)
def all_cells(cells, f, scratch, edges, width, dt, fine_area):
    """Run `cell_band` over all bands at once."""
    for band in prange(edges.size - 1):
        cell_band(cells, f, scratch, band, width, edges[band], edges[band + 1], dt, fine_area)


@kernel
def advance(
    booked, deepest, f, cells, rim, held, scratch, edges, width, duration, dx, fine_area, reach, courant, peak_source
):  # fmt: skip
    """Advance by `duration` seconds in adaptive steps; return the number of steps, negative if one collapsed.

    `edges` (bands + 1,) parts the flat row among threads; one band runs without a fork. `deepest` (1,) carries the largest face
    depth, m, from one step to the next; `peak_source` (m/s) keeps the first steps of a strong inflow short. `booked` (3,) gains m3.
    Stable for courant <= sqrt(theta / 2) = 0.671.
    """
    t = 0.0
    steps = 0
    bands = edges.size - 1
    take_up(deepest, f, cells, scratch, width, edges[0], edges[bands], dx, fine_area, reach)
    while duration - t > 1e-9:
        deep = max(deepest[0], 1e-3)
        longest = courant * dx / math.sqrt(GRAVITY * deep)
        dt = courant * dx / math.sqrt(GRAVITY * (deep + peak_source * longest))
        left = duration - t
        dt = left / math.ceil(left / dt)  # equal steps, see `hydro.kernels.inertial`
        if not dt > 1e-4:
            return -steps - 1
        if bands == 1:
            face_band(f, cells, scratch, 0, width, edges[0], edges[1], dt, dx, fine_area, reach, courant * courant)
        else:
            all_faces(f, cells, scratch, edges, width, dt, dx, fine_area, reach, courant * courant)
        over_rim(f, cells, rim, dt, dx, reach)
        if bands == 1:
            cell_band(cells, f, scratch, 0, width, edges[0], edges[1], dt, fine_area)
        else:
            all_cells(cells, f, scratch, edges, width, dt, fine_area)
        book(booked, cells, f, rim, held, width, dt, fine_area)
        bits = np.int32(0)
        for band in range(bands):
            bits = max(bits, scratch.deepest[band])
        deepest[0] = np.float64(np.int32(bits).view(np.float32))
        t += dt
        steps += 1
    return steps
