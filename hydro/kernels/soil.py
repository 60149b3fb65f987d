"""What ground can take in the coming step, cell by cell; the laws are those of `hydro.ground.soil`."""

from __future__ import annotations

import math

from numba import prange

from twin.jit import kernel


@kernel
def green_ampt(taken, k, suction, step_s):
    """Return the depth (m) that goes in during `step_s` after `taken` (m), water standing: Newton on the implicit law.

    F - S ln(1 + F / S) = K t with `k` conductivity (m/s) and `suction` S, psi times deficit (m), both > 0. It starts from the
    lower of two bounds, what goes into dry soil and what goes in at the first rate, and comes nearer from above.
    """
    wetted = k * step_s
    most = wetted + math.sqrt(wetted * wetted + 2.0 * suction * wetted)
    total = taken + min(most, wetted * (1.0 + suction / max(taken, 1e-12)))
    for _ in range(30):
        gap = total - taken - suction * math.log1p((total - taken) / (taken + suction)) - wetted
        change = gap * (total + suction) / total
        total -= change
        if abs(change) < 1e-9:  # the next would be its square over the depth
            break
    return total - taken


@kernel
def horton(taken, initial, final, decay, step_s):
    """Return the depth (m) that goes in during `step_s` after `taken` (m), water standing.

    `initial` and `final` rates (m/s), initial >= final > 0; `decay` 1/s. Newton for the time at which `taken` is reached,
    from below, where the concave law's tangent never overshoots.
    """
    extra = (initial - final) / decay
    t = taken / initial
    for _ in range(60):
        short = taken - final * t + extra * math.expm1(-decay * t)
        change = short / (final + (initial - final) * math.exp(-decay * t))
        t += change
        if abs(change) < 1e-9:
            break
    return final * step_s - extra * math.exp(-decay * t) * math.expm1(-decay * step_s)


@kernel(parallel=True)
def capacities(capacity_out, soil, soaked, laws, decay, step_s):
    """Write the mean rate (m/s) at which each cell can take water in the coming `step_s`.

    `soil` (ny, nx) is the row of `laws` (classes, 4): conductivity (m/s), suction times deficit (m; 0: the constant law),
    Horton's initial rate (m/s; 0: Green and Ampt) and pervious share. `soaked` (m of the whole cell) is what went in so far.
    """
    ny, nx = soil.shape
    for i in prange(ny):
        for j in range(nx):
            k, suction, initial, share = laws[soil[i, j]]
            if share <= 0.0:
                capacity_out[i, j] = 0.0
            elif initial > 0.0:
                capacity_out[i, j] = share * horton(soaked[i, j] / share, initial, k, decay, step_s) / step_s
            elif suction > 0.0:
                capacity_out[i, j] = share * green_ampt(soaked[i, j] / share, k, suction, step_s) / step_s
            else:
                capacity_out[i, j] = share * k
