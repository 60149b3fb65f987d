"""Turns that OpenStreetMap bars: relations of the type `restriction`, to the roads that they name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
from lxml import etree

from twin.finding import Finding

#: Tags by which a relation holds at some hours only.
TIMED = ("hour_on", "hour_off", "day_on", "day_off", "date_on", "date_off", "restriction:conditional")

#: Values of `except` that free cars.
CARS = frozenset({"motorcar", "motor_vehicle", "vehicle"})


@dataclass(frozen=True)
class TurnRule:
    """A relation of the type `restriction`: its tags, and its members as (role, type, ref)."""

    tags: dict[str, str]
    members: tuple[tuple[str, str, str], ...]

    @property
    def binds(self) -> bool:
        """Whether it is about cars: some are about lorries alone, or leave cars out."""
        named = {"restriction", "restriction:conditional", "restriction:motorcar", "restriction:motor_vehicle"}
        free = {word.strip() for word in self.tags.get("except", "").split(";")}
        return bool(named & self.tags.keys()) and not free & CARS

    @property
    def plain(self) -> bool:
        """Whether it holds at all hours, at one node."""
        kinds = [kind for role, kind, _ in self.members if role == "via"]
        said = self.tags.get("restriction", "").startswith(("no_", "only_"))
        return said and kinds == ["node"] and not any(tag in self.tags for tag in TIMED)

    def named(self, role: str) -> list[str]:
        """Return the members that have a role."""
        return [ref for name, _, ref in self.members if name == role]


def rule_of(relation: etree.Element) -> TurnRule | None:
    """Return the rule about cars that a relation (its element of the XML) is, None for any other relation."""
    tags = {tag.get("k"): tag.get("v") for tag in relation.iterfind("tag")}
    members = ((m.get("role", ""), m.get("type", ""), m.get("ref", "")) for m in relation.iterfind("member"))
    rule = TurnRule(tags, tuple(members))
    return rule if tags.get("type") == "restriction" and rule.binds else None


def no_turns(rules: Sequence[TurnRule] | None, edges: pd.DataFrame, file: str) -> tuple[list[str], list[Finding]]:
    """Return the column `no_turn` of roads, and what to tell of the rules that were left out, or of a `file` of which none are read (None).

    `edges` have `id`, the nodes `u` and `v`, the ways they are made of, `osmid`, and whether they are `oneway`. A road's text names at
    which of its ends one must not turn into which road: "v road-00012; u road-00031". Left out is what holds at some hours only, what
    leads over ways, and what does not say which road is meant: a way that runs through the junction, or one that is not there and
    would be the only one allowed. Where no road comes to a junction, or none of those forbidden leads on, nothing is to be barred.
    """
    ids = edges["id"].tolist()
    ways = [{str(w) for w in (own if isinstance(own, list) else [own])} for own in edges["osmid"]]
    into, out = defaultdict(list), defaultdict(list)
    for k, (u, v, oneway) in enumerate(
        zip(edges["u"].astype(str), edges["v"].astype(str), edges["oneway"], strict=True)
    ):
        into[v].append((k, "v"))
        out[u].append((k, "u"))
        if not oneway:
            into[u].append((k, "u"))
            out[v].append((k, "v"))
    barred: dict[tuple[int, str], set[int]] = defaultdict(set)
    left_out = 0
    for rule in rules or ():
        told = _told(rule, into, out, ways) if rule.plain else None
        left_out += told is None
        for before, after in told or []:
            barred[before].add(after)
    texts = [""] * len(ids)
    for (k, end), closed in sorted(barred.items()):
        texts[k] = "; ".join([*filter(None, [texts[k]]), *(f"{end} {ids[a]}" for a in sorted(closed))])
    found = [Finding("turns_left_out", left_out, assumed="turns_free")] if left_out else []
    return texts, [Finding("turns_unread", 1, place=file, assumed="turns_free")] if rules is None else found


def _told(rule: TurnRule, into: Any, out: Any, ways: list[set[str]]) -> list[tuple[tuple[int, str], int]] | None:
    """Return the turns that a rule bars, each an end of a road and the road after it; None where the map does not say which."""
    (via,) = rule.named("via")
    found: list[tuple[tuple[int, str], int]] = []
    for first, last in product(rule.named("from"), rule.named("to")):
        before = [end for end in into[via] if first in ways[end[0]]]
        after = [k for k, _ in out[via] if last in ways[k]]
        only = rule.tags["restriction"].startswith("only_")
        if len(before) > 1 or len(after) > 1 or (only and before and not after):
            return None
        for end in before:
            found += [(end, k) for k, _ in out[via] if (k not in after if only else k in after)]
    return found
