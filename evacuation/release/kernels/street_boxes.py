"""Air that moves gas along streets, round junctions and through roofs: fluxes of air first, then the gas in the boxes.

A canyon is a row of well-mixed boxes. Everything a junction does in one direction of the wind is balanced in air, and directions
are only averaged, so air is balanced in every box and gas is neither made nor lost (Soulhac et al. 2011,
doi:10.1016/j.atmosenv.2011.07.008; Belcher 2005, doi:10.1098/rsta.2005.1622).
"""

from __future__ import annotations

from twin.jit import kernel

#: What has gone into the boxes and out of them, kg: sources, in and out through roofs, in and out at junctions to the air above,
#: in and out at open ends.
SOURCE, ROOF_IN, ROOF_OUT, ABOVE_IN, ABOVE_OUT, OPEN_IN, OPEN_OUT = range(7)


@kernel
def fluxes(
    ahead_out, back_out, turn_out, leave_out, enter_out, arriving_scratch, section, along, east, north, weight, arm_start,
    arm_canyon, arm_end, turn_start,
):  # fmt: skip
    """Fill the fluxes of air (m3 s-1), mean over directions of the wind.

    section (canyon,) W H times the speed (m s-1) of the air in a canyon whose axis the wind follows; along (canyon, 2) its chord over
    its length, so that the flux is section (along . wind): the mean over a bent road of the wind on its axis. east, north, weight
    (direction,): unit vectors and shares, which add up to 1. Node n owns the arms arm_start[n] to arm_start[n + 1]: canyon and end
    (0 first, 1 last) that meet it, and the turns from turn_start[n] on, one row per arm that brings air.

    In one direction arms bring I and take O (m3 s-1). What comes is mixed and leaves in proportion to O; where more comes than goes
    the excess leaves to the air outside, where less comes that air makes up for it.

    ahead_out, back_out (canyon,) from first to last end and back; turn_out (turn,); leave_out, enter_out (arm,) from an arm to the
    air outside and from there into it.
    """
    ahead_out[:] = 0.0
    back_out[:] = 0.0
    turn_out[:] = 0.0
    leave_out[:] = 0.0
    enter_out[:] = 0.0
    for k in range(len(weight)):
        for i in range(len(section)):
            flux = weight[k] * section[i] * (along[i, 0] * east[k] + along[i, 1] * north[k])
            if flux > 0.0:
                ahead_out[i] += flux
            else:
                back_out[i] -= flux
        for n in range(len(arm_start) - 1):
            first, last = arm_start[n], arm_start[n + 1]
            brought, taken = 0.0, 0.0
            for a in range(first, last):
                i = arm_canyon[a]
                flux = weight[k] * section[i] * (along[i, 0] * east[k] + along[i, 1] * north[k])
                arriving_scratch[a] = flux if arm_end[a] == 1 else -flux
                brought += max(arriving_scratch[a], 0.0)
                taken += max(-arriving_scratch[a], 0.0)
            most = max(brought, taken)
            if most <= 0.0:
                continue
            for a in range(first, last):
                if arriving_scratch[a] > 0.0:
                    row = turn_start[n] + (a - first) * (last - first)
                    for b in range(first, last):
                        if arriving_scratch[b] < 0.0:
                            turn_out[row + b - first] -= arriving_scratch[a] * arriving_scratch[b] / most
                    leave_out[a] += arriving_scratch[a] * (1.0 - taken / most)
                else:
                    enter_out[a] -= arriving_scratch[a] * (1.0 - brought / most)


@kernel
def quickest(volume, first_box, ahead, back, roof):
    """Return the largest share of a box's air that is replaced in a second (s-1): a step up to its inverse stays positive.

    volume (box,) m3; roof (box,) flux through the roof, m3 s-1; canyon i owns the boxes first_box[i] to first_box[i + 1].
    """
    most = 0.0
    for i in range(len(ahead)):
        for j in range(first_box[i], first_box[i + 1]):
            most = max(most, (ahead[i] + back[i] + roof[j]) / volume[j])
    return most


@kernel
def advance(
    c_out, ledger_out, entering_scratch, steps, dt, source, above, outside, open_node, volume, first_box, ahead, back, roof, turn,
    leave, enter, arm_start, arm_canyon, arm_end, turn_start,
):  # fmt: skip
    """Move the gas in the boxes c_out (box,), kg m-3, on by `steps` steps of dt (s), explicitly upwind.

    V dC/dt = source + ahead (C_before - C) + back (C_behind - C) + roof (above - C), with what the junctions bring at both ends.
    source (box,) kg s-1; above (box,) and outside (node,) concentrations in the air, kg m-3, constant over the steps. Positive where
    dt is at most 1 / `quickest`. ledger_out (7,) kg takes every flux of gas that crosses the rim of the network. entering_scratch
    (canyon, 2) kg s-1. The order of sums is fixed.
    """
    for _ in range(steps):
        for n in range(len(arm_start) - 1):
            first, last = arm_start[n], arm_start[n + 1]
            to = OPEN_OUT if open_node[n] else ABOVE_OUT
            out_of = OPEN_IN if open_node[n] else ABOVE_IN
            for b in range(first, last):
                brought = enter[b] * outside[n]
                ledger_out[out_of] += dt * brought
                for a in range(first, last):
                    i = arm_canyon[a]
                    box = first_box[i + 1] - 1 if arm_end[a] == 1 else first_box[i]
                    brought += turn[turn_start[n] + (a - first) * (last - first) + b - first] * c_out[box]
                entering_scratch[arm_canyon[b], arm_end[b]] = brought
                i = arm_canyon[b]
                box = first_box[i + 1] - 1 if arm_end[b] == 1 else first_box[i]
                ledger_out[to] += dt * leave[b] * c_out[box]
        for i in range(len(ahead)):
            first, last = first_box[i], first_box[i + 1]
            before = entering_scratch[i, 0]
            for j in range(first, last):
                c = c_out[j]
                behind = back[i] * c_out[j + 1] if j + 1 < last else entering_scratch[i, 1]
                gain = before + behind + source[j] + roof[j] * above[j]
                c_out[j] = c + dt / volume[j] * (gain - (ahead[i] + back[i] + roof[j]) * c)
                before = ahead[i] * c
                ledger_out[SOURCE] += dt * source[j]
                ledger_out[ROOF_IN] += dt * roof[j] * above[j]
                ledger_out[ROOF_OUT] += dt * roof[j] * c
