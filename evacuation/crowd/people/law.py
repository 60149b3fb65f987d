"""The law of motion with its one set of figures: published values, and a few calibrated once on runs that are named here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from evacuation.crowd.kernels.arrays import Law
from twin.variables import Unit

#: Mass of a person, kg, and the time in which a person takes up the wanted velocity, s: 1 / 4.5 s, damping of somebody pushed
#: (Dufour, Stapelle and Nicolas 2026, doi:10.21468/SciPostPhysCodeb.67).
MASS_KG, RELAX_S = 75.0, 0.222

#: Spring of a contact, N/m, and its dashpot, kg/s: calibrated once on the pushed row with room in front (Feldmann and Adrian 2023,
#: doi:10.1016/j.ssci.2023.106173). Helbing, Farkas and Vicsek 2000 (doi:10.1038/35035023) have a spring of 1.2e5.
STIFFNESS, DAMPING = 3e4, 300.0

#: The collision-free speed model (Tordeux, Chraibi and Seyfried 2016, doi:10.1007/978-3-319-33482-0_29) foreseeing who walks ahead
#: and who comes towards one (after Xu, Chraibi and Seyfried 2021, doi:10.1016/j.trc.2021.103464). Time of the gap, length of the gap
#: between outlines that is kept, width to either side in which somebody is in the way, time by which the one ahead is foreseen;
#: strength of turning aside, its range and the distance of centres at which it has this strength.
#: Calibrated once, with all shared runs in view: the 17 uo runs and their bins uni_open of fd_binned.csv, ao-300, gate_050_w56_040, the
#: closed loop, the pushed row and the guidelines' A11, A15, B4 and E12. None of these is a blind test of the law; nothing is set by case.
GAP_TIME_S, GAP_LENGTH_M, LANE_M, FORESIGHT_S = 0.62, 0.29, 0.213, 0.7
REPULSION, REPULSION_RANGE_M, REPULSION_AT_M = 0.112, 0.2, 0.51

#: Of who comes towards one: how far he is seen, m, by which time he is foreseen, s, within which width he is in the way, m, and the
#: speed of a step aside where he stands in the way and nobody holds one, m/s. Calibrated once, with the 15 shared runs of two
#: directions and the guidelines' E12 in view.
SIGHT_M, MEET_S, PASS_LANE_M, SIDESTEP_M_S = 1.56, 0.15, 0.10, 1.35

#: Strength of turning aside where people have different goals: calibrated once, on the runs of two directions named above. Among
#: people of one goal it would make dense flows too fast.
DODGE = 0.5

#: Of a lane: how many free speeds a direction is worth less in which everybody comes towards one: calibrated as the side step.
FOLLOW = 1.56

#: People turn their shoulders to pass face to face (Yamamoto et al. 2019, doi:10.1016/j.trb.2019.03.008): how quickly, s, and from
#: which distance on, m: calibrated as the side step, the first with the runs through narrow exits in view, too.
TURN_S, TURN_AHEAD_M = 0.15, 1.27

#: How many `TURN_S` longer it takes to turn for each body or wall that one touches, for in a press there is no room to turn in:
#: calibrated on the guidelines' E12, two dense streams that meet in an alley. A door post that presses a shoulder turns it undelayed.
TURN_PRESSED = 2.0

#: Sliding friction, kg/m/s (2.4e5 in Helbing, Farkas and Vicsek 2000), and the most of it over the normal force (0.4 to 0.5 in
#: Dufour, Stapelle and Nicolas 2026): both calibrated once on the shared runs uo-180-180-070 and gate_050_w56_040, the most of it also
#: with the runs of two directions and the guidelines' E12 and B4 in view.
FRICTION, COULOMB = 1.5e4, 0.10

#: Dry friction of a wall over the normal force, at rest, too: calibrated as `COULOMB`.
WALL_COULOMB = 0.05

#: Who still has part of the gap goes by up to this share more quickly than he leans: so a file goes the more slowly the denser it stands.
#: Small on purpose, and chosen as the side step.
CLOSING = 0.03

#: Whom one may touch before the next decision, m between outlines, and the time over which the load is a mean, s.
SKIN_M, LOAD_TIME_S = 0.15, 1.0

#: Between two decisions, s.
DECISION_S = 0.05


@dataclass(frozen=True)
class Pressing:
    """How people press: the step of the contacts, and the force with which somebody leans who has no gap left, or who waits for a metered
    gate."""

    step_s: Annotated[float, Ge(0.001), Le(0.01), Unit("s", "stable to 8 persons/m2: proof crowd/squeeze")] = 0.01
    push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "calibrated on the density before gate_050_w56_040")] = 20.0
    queue_push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "people wait calmly for a metered gate: assumed")] = (
        0.0
    )

    @property
    def law(self) -> Law:
        """The figures as the kernels take them."""
        return Law(
            dt=self.step_s,
            mass=MASS_KG,
            relax=RELAX_S,
            gap_time=GAP_TIME_S,
            gap_length=GAP_LENGTH_M,
            lane=LANE_M,
            foresight=FORESIGHT_S,
            repulsion=REPULSION,
            repulsion_range=REPULSION_RANGE_M,
            repulsion_at=REPULSION_AT_M,
            dodge=DODGE,
            sight=SIGHT_M,
            meet_time=MEET_S,
            pass_lane=PASS_LANE_M,
            sidestep=SIDESTEP_M_S,
            follow=FOLLOW,
            turn_time=TURN_S,
            turn_ahead=TURN_AHEAD_M,
            turn_pressed=TURN_PRESSED,
            push=self.push_n,
            queue_push=self.queue_push_n,
            closing=CLOSING,
            stiffness=STIFFNESS,
            damping=DAMPING,
            friction=FRICTION,
            coulomb=COULOMB,
            wall_coulomb=WALL_COULOMB,
            skin=SKIN_M,
            load_time=LOAD_TIME_S,
        )

    @property
    def steps(self) -> int:
        """Steps of the contacts between two decisions."""
        return round(DECISION_S / self.step_s)
