"""How people stand, turn, step aside, lean and go out: the rules of the law of motion one by one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import shapely.affinity

from evacuation.crowd.kernels.gates import BEYOND_M
from evacuation.crowd.kernels.outline import between
from evacuation.crowd.people import draws
from evacuation.crowd.people.law import DECISION_S, MASS_KG, RELAX_S, STIFFNESS, Pressing
from evacuation.crowd.people.walkers import People, Walkers
from evacuation.crowd.proofs import rimea
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, plan_of, room
from evacuation.crowd.venue.gates import Gates

#: From the middle of a body of median size to an end of its line, m.
OUT_M = (draws.BREADTH_M - draws.DEPTH_M) / 2


def shut(walkers: Walkers) -> None:
    """Let nobody through the gates any more."""
    gates = walkers.plan.gates
    inner = np.array([gate.inner for gate in gates], np.int8)
    walkers.set_gates(Gates(np.full(len(gates), True), 0 * inner, np.full(len(gates), np.inf), inner))


def standing(at: list[tuple[float, float]], **changed: object) -> Walkers:
    """People of the median size in a closed hall of 6 m by 6 m, faces to the east; nobody walks."""
    plan = room(shapely.box(0, 0, 6, 6), [line((6, 2), (6, 4))], shapely.box(0.3, 0.3, 5.7, 5.7))
    walkers = filled(plan, 1)
    n = len(at)
    ids = np.arange(n)
    walkers.people = People.standing(
        plan.local(np.array(at)), broad=np.full(n, draws.BREADTH_M / 2), deep=np.full(n, draws.DEPTH_M / 2),
        free=np.ones(n), group=np.zeros(n), leaves=np.full(n, np.inf), number=ids,
    )._replace(**changed)  # fmt: skip
    shut(walkers)
    return walkers


@pytest.mark.parametrize(
    ("apart", "overlap"),
    [
        ((0.24, 0.0), draws.DEPTH_M - 0.24),
        ((0.26, 0.0), 0.0),
        ((0.0, 0.45), draws.BREADTH_M - 0.45),
        ((0.0, 0.47), 0.0),
        ((0.2, 0.2), draws.DEPTH_M - 0.2),
        ((0.2, 0.35), draws.DEPTH_M - np.hypot(0.2, 0.35 - 2.0 * OUT_M)),
        ((0.2, 0.37), 0.0),
    ],
)
def test_two_touch_where_their_outlines_meet(apart: tuple[float, float], overlap: float) -> None:
    """In file at the depth of the chest, side by side at the breadth of the shoulders, aslant round the ends of both."""
    walkers = standing([(3.0, 3.0), (3.0 + apart[0], 3.0 + apart[1])])
    walkers._steps = 1
    walkers.walk(0.0, 1)
    people = walkers.people
    assert walkers.people.count == 2 and (people.touching == (1 if overlap > 0.0 else 0)).all()
    speed = np.hypot(people.vx, people.vw)
    expected = walkers._law.dt * STIFFNESS * overlap / MASS_KG
    np.testing.assert_allclose(speed, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose([people.vx.sum(), people.vw.sum()], 0.0, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.0])
def test_the_distance_of_outlines_is_that_of_their_shapes(angle: float) -> None:
    """Held against shapely, at any bearing and with bodies turned against each other."""
    face = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    for bearing in np.linspace(0.0, 2.0 * np.pi, 17):
        at = np.array([[3.0, 3.0], [3.0 - 0.5 * np.cos(bearing), 3.0 + 0.5 * np.sin(bearing)]])
        people = standing([tuple(at[0]), tuple(at[1])]).people
        people.face_x[:], people.face_w[:] = face.T
        dx, dw = people.x[0] - people.x[1], people.w[0] - people.w[1]
        lines = [shapely.LineString([(OUT_M * fw, -OUT_M * fx), (-OUT_M * fw, OUT_M * fx)]) for fx, fw in face]
        far = shapely.affinity.translate(lines[0], dx, dw).distance(lines[1])
        assert between(0, 1, dx, dw, people) == pytest.approx(far - draws.DEPTH_M, abs=1e-12)


def test_an_outline_has_no_front_and_no_back() -> None:
    """Who faces west is as broad and as deep as who faces east, and turns round no more than a right angle."""
    ahead, back = standing([(3.0, 3.0)]).people, standing([(3.0, 3.0)], face_x=np.array([-1.0])).people
    for dx, dw in ((1.0, 0.0), (0.0, 1.0), (0.6, -0.8)):
        vector = np.array([dx]), np.array([dw])
        assert ahead.reach(*vector) == pytest.approx(back.reach(*vector), rel=1e-12)
    assert ahead.reach(np.array([2.0]), np.array([0.0])) == pytest.approx(draws.DEPTH_M / 2)
    assert ahead.reach(np.array([0.0]), np.array([0.1])) == pytest.approx(draws.BREADTH_M / 2)


def test_people_turn_to_where_they_walk() -> None:
    plan = room(shapely.box(0, 0, 3, 12), [line((0.5, 12), (2.5, 12))], shapely.box(1, 1, 2, 2))
    walkers = filled(plan, 1)
    assert walkers.people.face_x[0] == 1.0
    walkers.walk(0.0, SECOND)
    assert abs(walkers.people.face_w[0]) > 0.98
    assert np.hypot(walkers.people.face_x[0], walkers.people.face_w[0]) == pytest.approx(1.0)


def corridor(width: float, each: int) -> Walkers:
    """As many people at both ends of a corridor, who want to get to the other end."""
    outline = shapely.box(0, 0, 20, width)
    parts = [
        ("wall", "wall", outline.exterior.difference(line((0, 0.3), (0, width - 0.3)).buffer(0.005, cap_style="flat"))),
        ("gate", "gate", line((0, 0.3), (0, width - 0.3))),
        ("one", "source", shapely.box(2.5, 0.3, 4.5, width - 0.3)),
        ("two", "source", shapely.box(15.5, 0.3, 17.5, width - 0.3)),
        ("east", "goal", shapely.box(18.5, 0.1, 19.8, width - 0.1)),
        ("west", "goal", shapely.box(0.2, 0.1, 1.5, width - 0.1)),
    ]
    walkers = filled(plan_of(outline, parts, goals=["", "", "east", "west", "", ""]), 2 * each)
    walkers.people.free[:] = 1.3
    return walkers


def test_two_who_meet_dodge_turn_their_shoulders_and_go_on() -> None:
    walkers = corridor(2.0, 1)
    middle = 0.5 * (walkers.people.w.min() + walkers.people.w.max())
    walkers.people.w[:] = middle  # head on
    touched, turned, off, seconds = 0, 0.0, 0.0, 0.0
    while walkers.people.count == 2 and seconds < 30.0:
        walkers.walk(seconds, 1)
        seconds += DECISION_S
        people = walkers.people
        if people.count == 2 and abs(people.x[0] - people.x[1]) < 0.5:
            touched += int(people.touching.sum())
            turned = max(turned, float(np.abs(people.face_w).max()))
            off = max(off, float(abs(people.w[0] - people.w[1])))
    assert turned > 0.7 and off > draws.DEPTH_M and touched == 0
    assert seconds < 1.15 * 14.0 / 1.3, "nobody stands still for the other"


@pytest.mark.parametrize("push", [0.0, 20.0, 60.0])
def test_who_has_no_gap_left_leans_with_the_push_and_with_no_more(push: float) -> None:
    """One person at a gate that lets nobody through is pressed by his own push: half of it, from one side."""
    outline = shapely.box(0, 0, 8, 2)
    walkers = filled(
        room(outline, [line((8, 0.5), (8, 1.5))], shapely.box(5, 0.8, 6, 1.2)), 1,
        pressing=Pressing(push_n=20.0, queue_push_n=push),
    )  # fmt: skip
    both = np.zeros(1, np.int8)
    walkers.set_gates(Gates(np.array([False]), both, np.array([0.0]), both + 1))
    walkers.tokens[:] = 0.0
    for second in range(20):
        walkers.walk(float(second), SECOND)
    assert walkers.people.load[0] == pytest.approx(push / 2.0, rel=1e-3, abs=1e-3)
    walkers.people.free[:] = 0.01  # nobody leans faster than he walks
    for second in range(20, 40):
        walkers.walk(float(second), SECOND)
    most = MASS_KG * 0.01 / RELAX_S / 2.0
    assert walkers.people.load[0] == pytest.approx(min(push / 2.0, most), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("key", [7, 8, 9])
def test_nobody_holds_an_arch_before_a_door(key: int) -> None:
    """Eighty people before a door of 1 m: from the tenth to the seventieth nobody waits four seconds for the next."""
    walkers = filled(
        room(shapely.box(0, 0, 8, 6), [line((8, 2.5), (8, 3.5))], shapely.box(0.4, 0.4, 7.6, 5.6)), 80, key=key
    )
    through: list[int] = []
    emptied(walkers, 120, lambda _second: through.append(int(walkers.flows[0, 1] - walkers.flows[0, 0])))
    gone = np.array(through)
    seconds = np.array([np.argmax(gone >= k) for k in range(10, 71)])
    assert gone[-1] == 80 and np.diff(seconds).max() < 4


def test_who_goes_out_is_in_the_way_until_he_is_a_metre_beyond() -> None:
    walkers = filled(room(shapely.box(0, 0, 4, 3), [line((4, 1), (4, 2))], shapely.box(0.5, 0.5, 2, 2.5)), 3)
    end, seen, seconds = walkers.plan.local(np.array([[4.0, 1.5]]))[0, 0], 0.0, 0.0
    while walkers.people.count and seconds < 20.0:
        walkers.walk(seconds, 1)
        seconds += DECISION_S
        people = walkers.people
        out = people.out == 0
        assert (out == (people.x > end)).all() and people.count + walkers.left == 3
        assert walkers.flows[0, 1] == walkers.left + out.sum()
        seen = max(seen, float((people.x - end).max(initial=0.0)))
    assert walkers.left == 3 and BEYOND_M - 0.1 < seen < BEYOND_M


def test_who_is_outside_when_the_gate_is_shut_has_left() -> None:
    walkers = filled(room(shapely.box(0, 0, 4, 3), [line((4, 1), (4, 2))], shapely.box(2.5, 1, 3.5, 2)), 1)
    t = 0.0
    while walkers.people.out[0] < 0:
        walkers.walk(t, 1)
        t += DECISION_S
    shut(walkers)
    walkers.walk(t, 1)
    assert walkers.people.count == 0 and walkers.left_by_gate[0] == 1


def test_people_on_a_stair_pass_more_slowly_than_on_the_level() -> None:
    """A queue before a corridor of 2 m passes it by the ratio of speeds, and up a stair below 0.88 persons/m/s (IMO MSC.1/Circ.1533)."""
    flows = []
    for rise in (0.0, 0.5):
        outline = shapely.union_all([shapely.box(0, 0, 8, 6), shapely.box(8, 2, 20, 4)])
        gate = line((20, 2), (20, 4))
        parts = [
            ("wall", "wall", outline.exterior.difference(gate.buffer(0.005, cap_style="flat"))),
            ("gate", "gate", gate),
            ("source", "source", shapely.box(0.3, 0.3, 7.7, 5.7)),
            *([("stair", "stair", shapely.box(9, 2, 18, 4))] if rise else []),
        ]
        none = [np.nan] * 3
        plan = plan_of(outline, parts, rise=[*none, rise][: len(parts)], up_deg=[*none, 90.0][: len(parts)])
        walkers = filled(plan, 150)
        through: list[int] = []
        emptied(walkers, 240, lambda _second, w=walkers, c=through: c.append(int(w.flows[0, 1])))  # type: ignore[misc]
        gone = np.array(through)
        flows.append(70.0 / (np.argmax(gone >= 110) - np.argmax(gone >= 40)) / 2.0)
    assert flows[1] < 0.88 and flows[1] < 0.7 * flows[0] and flows[0] < 1.95


def test_who_is_pressed_against_a_door_post_gets_round_it() -> None:
    """Two of case A8 as they once stood for ever: the way of the first led straight into the post, and the second leaned on him."""
    walkers = filled(rimea._cabins(), 2)
    post = walkers.plan.local(np.array([[13.95, 5.0]]))[0]
    ids = np.arange(2)
    walkers.people = People.standing(
        post + np.array([[0.005011460256113, 0.111487306385403], [-0.271072635919432, 0.306607924554735]]),
        broad=np.array([0.22523998252361635, 0.22724454789065746]), deep=np.array([0.1210967647976432, 0.1221744881132567]),
        free=np.ones(2), group=np.full(2, walkers.finder.group_of["room-5"]), leaves=np.zeros(2), number=ids,
    )._replace(
        face_x=np.array([0.021787359746794507, 0.36802972544880236]), face_w=np.array([0.9997626273047335, -0.92981402505344]),
        touching=np.array([2, 1], np.int32),
    )  # fmt: skip
    assert emptied(walkers, 60) < 60
