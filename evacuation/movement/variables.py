"""The quantities that movement makes."""

from __future__ import annotations

from twin.exposure.people import AT_HOME, ON_EDGE
from twin.variables import Variable

PEOPLE_AT_HOME = Variable(
    "people_at_home",
    "1",
    ("time", "cell"),
    "仍在家中的人口比例",
    "share of people still at home",
    0.0,
    1.0,
    tags=frozenset({AT_HOME}),
    comment="people who wait to get onto the road count as at home",
)
PEOPLE_ON_EDGE = Variable(
    "people_on_edge",
    "1",
    ("time", "edge"),
    "道路上的人数",
    "people on each road",
    0.0,
    1e7,
    tags=frozenset({ON_EDGE}),
    comment="by car and on foot, both directions",
)
PEOPLE_QUEUED = Variable(
    "people_queued",
    "1",
    ("time", "edge"),
    "路口排队等候的人数",
    "people who wait at the ends of each road",
    0.0,
    1e7,
)
ROAD_CLOSED = Variable(
    "road_closed",
    "1",
    ("time", "edge"),
    "道路对机动车封闭",
    "road closed to cars",
    0.0,
    1.0,
    flags=("open", "closed"),
)
MINUTES_LEFT = Variable(
    "minutes_to_harm",
    "min",
    ("time", "block"),
    "距离断路或受害的时间",
    "time left until cut off or poisoned",
    0.0,
    1440.0,
    comment="until a twentieth of those still at home have no open way out on free roads, 1440 for a day or more, or nobody left; "
    "0 from when anybody of the block has collected AEGL-3's toxic load, at home or on the way",
)
SHELTER_FILL = Variable(
    "shelter_fill",
    "1",
    ("time", "shelter"),
    "避难场所使用率",
    "share of a shelter's places taken",
    0.0,
    1.0,
)
