"""What is done along one row of the local-inertial scheme: flows through faces, shares of outflow, filling; see `inertial`.

All arrays of a call are one row of neighbours, so the loops have no index arithmetic and LLVM vectorises them.
"""

from __future__ import annotations

import math

from hydro.kernels.floats import DROP, DRY_M, GRAVITY, bits, fused, inverse_cube_root
from twin.jit import kernel

THETA = 0.9  # weight of the face's own flow; 1 is Bates et al. 2010 (de Almeida et al. 2012 advise 0.7-0.9)
#: A wave on a film that friction rules is 5/3 times as fast as its water (Lighthill and Whitham 1955), on a slope oblique to
#: the grid in both directions at once: with C = 0.64 the step bears it where v^2 counts FILM_WAVE-fold. Over a ledge, steeper
#: than CLIFF, there is no wave to follow from cell to cell, and v^2 counts once.
FILM_WAVE, CLIFF = 4.0, 0.3


@kernel
def hold(q_out, z0, z1, h0, h1):
    """Hold the flows of a row of faces at v^2 = g max(h, DROP fall); see `hydro.kernels.floats.DROP`."""
    real = q_out.dtype.type
    zero, dry, gravity, drop = real(0.0), real(DRY_M), real(GRAVITY), real(GRAVITY * DROP)
    for j in range(q_out.size):
        dz = z1[j] - z0[j]
        above0, above1 = h0[j] - max(dz, zero), h1[j] + min(dz, zero)
        fall, d = abs(above0 - above1), max(max(above0, above1), dry)
        most = d * math.sqrt(max(gravity * d, drop * fall))
        q_out[j] = min(max(q_out[j], -most), most)


@kernel
def face_flows(q_out, q, q_before, q_after, across0, across1, z0, z1, h0, h1, n0, n1, dt, dx):
    """Write the new flow (m2/s, towards side 1) through a row of faces; return the bits of the largest face depth.

    `across0` and `across1`, one longer than the rest, are the flows across on both sides: face j lies between their j and
    j + 1. All arrays are one row of neighbours, so the loop has no index arithmetic and is vectorised (a test looks for
    packed square roots in the compiled code). For that, too: dry faces are computed at DRY_M and then set to zero. Few rows
    of a city have a face at the limit of its flow, so the loop only looks whether one comes near, and `hold` is a loop of its own.
    Turned or seen in a mirror, every term is the same to the last digit: a thin film over ledges makes much of one digit.
    """
    real = q_out.dtype.type
    zero, dry, drop, near = real(0.0), real(DRY_M), real(DROP), real(GRAVITY * (1.0 - 1e-5))
    # above and below the fraction stand over theta, which spares a product
    inverse, side = real(1.0 / THETA), real(0.5 * (1.0 - THETA) / THETA)
    push, drag = real(GRAVITY * dt / dx / THETA), real(GRAVITY * dt / THETA / 16.0)
    sixteen = real(16.0)
    deepest = beyond = bits(zero)
    for j in range(q_out.size):
        dz = z1[j] - z0[j]
        above0, above1 = h0[j] - max(dz, zero), h1[j] + min(dz, zero)  # the higher bed: small numbers, for float32
        slope, deep = above0 - above1, max(above0, above1)
        d = max(deep, dry)
        n = n0[j] + n1[j]  # twice the mean, and flows four times their size: the sixteenth stands in `drag`
        pull = push * d * slope
        p4 = (across0[j] + across1[j + 1]) + (across0[j + 1] + across1[j])
        rough, d2 = drag * (n * n * inverse_cube_root(d)), d * d  # the fraction stands over d2
        friction = rough * math.sqrt(fused(p4, p4, sixteen * q[j] * q[j]))
        centred = q[j] + side * (q_before[j] + q_after[j])
        new = fused(centred + pull, d2, friction * q[j]) / (inverse * d2 + (friction + friction))
        new = new if deep > dry else zero
        q_out[j] = new
        deepest = max(deepest, bits(d))
        beyond = max(beyond, bits(new * new - near * d2 * max(d, drop * abs(slope))))  # negative bits are negative
    if beyond > bits(zero):
        hold(q_out, z0, z1, h0, h1)
    return deepest


@kernel
def film_waves(q, z0, z1, h0, h1, n0, n1, dt, dx):
    """Return the bits of the largest v^2 / g (m) of a row of faces, FILM_WAVE-fold on slopes that friction rules.

    It stands beside the face depth in the rule for the step: a film's wave is faster than sqrt(g depth). A face whose water
    has just left keeps the flow of a deeper one. So v counts up to what the coming step lets through: the limit of
    `face_flows` and, where friction rules, Manning's normal flow.
    """
    real = q.dtype.type
    zero, one, dry, gravity, drop = real(0.0), real(1.0), real(DRY_M), real(GRAVITY), real(DROP)
    film, cliff, drag, steep = real(FILM_WAVE), real(CLIFF * dx), real(0.25 * GRAVITY * dt), real(4.0 / GRAVITY / dx)
    fastest = bits(zero)
    for j in range(q.size):
        dz = z1[j] - z0[j]
        above0, above1 = h0[j] - max(dz, zero), h1[j] + min(dz, zero)
        fall, d = abs(above0 - above1), max(max(above0, above1), dry)
        y, n = inverse_cube_root(d), n0[j] + n1[j]
        v = abs(q[j]) * (y * y * y)
        head = min(v * v / gravity, max(d, drop * fall))
        stiff = drag * n * n * y * v > d  # g dt n^2 |v| > h^(4/3)
        normal = min(head, steep * fall * d / (n * n * y))  # h^(4/3) fall / (g dx n^2)
        fastest = max(fastest, bits((normal * (film if fall < cliff else one)) if stiff else head))
    return fastest


@kernel
def gives_too_much(h, west, east, north, south, room):
    """Return whether a cell of a row would give more than it holds; `room` = dx / dt less a rounding margin."""
    real = h.dtype.type
    zero = real(0.0)
    worst = bits(zero)
    for j in range(h.size):
        out = (max(-west[j], zero) + max(east[j], zero)) + (max(-north[j], zero) + max(south[j], zero))
        worst = max(worst, bits(max(out - h[j] * real(room), zero)))
    return worst > bits(zero)


@kernel
def shares(share_out, h, west, east, north, south, room):
    """Write the share of its outflow that each cell of a row can give, 0..1; `room` as in `gives_too_much`."""
    real = share_out.dtype.type
    zero, one, little = real(0.0), real(1.0), real(1e-30)
    for j in range(share_out.size):
        out = (max(-west[j], zero) + max(east[j], zero)) + (max(-north[j], zero) + max(south[j], zero))
        share_out[j] = min(one, h[j] * real(room) / max(out, little))


@kernel
def limit(q_out, share0, share1):
    """Scale flows to the share of the cell they leave: side 0 where they are positive, side 1 where negative."""
    zero = q_out.dtype.type(0.0)
    for j in range(q_out.size):
        s0, s1, q = share0[j], share1[j], q_out[j]  # both read, so that the choice is a blend and not a branch
        q_out[j] = q * (s0 if q > zero else s1)


@kernel
def fill(h_out, qx_out, qy_out, west, east, north, south, ratio):
    """Add one step's net flow (`ratio` = dt / dx) to a row of depths and keep the flows."""
    for j in range(h_out.size):
        w, n = west[j], north[j]
        h_out[j] += ((w - east[j]) + (n - south[j])) * ratio
        qx_out[j] = w
        qy_out[j] = n


@kernel
def pour(h_out, highest_out, source, fed_s):
    """Add `fed_s` seconds of source (m/s) to a row of depths and keep the highest; return the bits of the largest depth.

    The sign is cleared, so that what is no number has larger bits than any number (`face_flows` cannot see it: a maximum
    passes over it). Every call of `advance` ends with this pass, so none returns such water.
    """
    largest = bits(h_out.dtype.type(0.0))
    for j in range(h_out.size):
        depth = h_out[j] + source[j] * fed_s
        h_out[j] = depth
        highest_out[j] = max(highest_out[j], depth)
        largest = max(largest, bits(abs(depth)))
    return largest
