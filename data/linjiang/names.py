"""Invented names in two languages for roads, streets and communities."""

from __future__ import annotations

from itertools import product

#: Main roads by their key in `make_city`.
ROADS = {
    "ring": ("环城路", "Huancheng Road"),
    "riverside": ("沿江大道", "Yanjiang Avenue"),
    "west": ("西城路", "Xicheng Road"),
    "middle": ("中山大道", "Zhongshan Avenue"),
    "east": ("东湖路", "Donghu Road"),
    "people": ("人民路", "Renmin Road"),
    "north": ("北苑路", "Beiyuan Road"),
    "old": ("江汉路", "Jianghan Road"),
}

_FIRST = (
    ("望", "Wang"), ("清", "Qing"), ("云", "Yun"), ("松", "Song"), ("文", "Wen"), ("长", "Chang"), ("青", "Qing"), ("金", "Jin"),
    ("玉", "Yu"), ("明", "Ming"), ("和", "He"), ("安", "An"), ("瑞", "Rui"), ("书", "Shu"), ("梅", "Mei"), ("兰", "Lan"),
    ("竹", "Zhu"), ("荷", "He"), ("柳", "Liu"), ("桂", "Gui"), ("朝", "Zhao"), ("新", "Xin"), ("永", "Yong"), ("福", "Fu"),
)  # fmt: skip
_SECOND = (
    ("江", "jiang"), ("泉", "quan"), ("岭", "ling"), ("昌", "chang"), ("宁", "ning"), ("华", "hua"), ("园", "yuan"), ("阳", "yang"),
    ("桥", "qiao"), ("堤", "di"), ("湾", "wan"), ("塘", "tang"), ("坊", "fang"), ("庆", "qing"), ("德", "de"), ("兴", "xing"),
)  # fmt: skip
_KINDS = (("路", "Road"), ("街", "Street"), ("巷", "Lane"))

#: Streets, the longest first get 路, then 街, then 巷.
STREETS = tuple(
    (f"{a}{b}{kind}", f"{a_en}{b_en} {kind_en}")
    for kind, kind_en in _KINDS
    for (b, b_en), (a, a_en) in product(_SECOND, _FIRST)
)

#: Communities.
AREAS = tuple((f"{a}{b}社区", f"{a_en}{b_en} community") for (a, a_en), (b, b_en) in product(_FIRST, _SECOND[::3]))
