"""Lines that stop people: on which side one stands, what bars him, what hides two from one another."""

from __future__ import annotations

from twin.jit import kernel


@kernel(inline=True)
def side(x0, w0, x1, w1, x, w):
    """Return on which side of the line through two points a third lies: the sign of the result."""
    return (x1 - x0) * (w - w0) - (w1 - w0) * (x - x0)


@kernel(inline=True)
def bars(s, x, w, passed, floor, gates):
    """Return whether line `s` stops somebody at (x, w) who holds the pass of gate `passed` (-1: none).

    A wall always does; a gate when it is shut, when it is metered and he holds no pass, and from its far side when it is one
    way (`way` 1: from positive to negative side, -1: the other, 0: both).
    """
    g = floor.gate_of[s]
    if g < 0:
        return True
    if gates.shut[g]:
        return True
    if gates.metered[g] and passed != g:
        return True
    if gates.way[g] != 0:
        at = side(floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3], x, w)
        return at * gates.way[g] < 0.0
    return False


@kernel(inline=True)
def crosses(ax, aw, bx, bw, x0, w0, x1, w1):
    """Return whether the way from a to b meets the line from 0 to 1, its ends included."""
    p, q = side(x0, w0, x1, w1, ax, aw), side(x0, w0, x1, w1, bx, bw)
    if p * q > 0.0 or (p == 0.0 and q == 0.0):
        return False
    return side(ax, aw, bx, bw, x0, w0) * side(ax, aw, bx, bw, x1, w1) <= 0.0


@kernel(inline=True)
def hidden(px, pw, qx, qw, passed, first, last, floor, gates):
    """Return whether one of the lines `first` to `last` of `wall_list` that bars somebody at p lies between him and q."""
    for m in range(first, last):
        s = floor.wall_list[m]
        if crosses(px, pw, qx, qw, floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]) and bars(
            s, px, pw, passed, floor, gates
        ):
            return True
    return False


@kernel(inline=True)
def walled(px, pw, qx, qw, first, last, floor):
    """Return whether one of the lines `first` to `last` of `wall_list` that is a wall lies between p and q."""
    for m in range(first, last):
        s = floor.wall_list[m]
        if floor.gate_of[s] < 0 and crosses(
            px, pw, qx, qw, floor.line[s, 0], floor.line[s, 1], floor.line[s, 2], floor.line[s, 3]
        ):
            return True
    return False
