"""Common Alerting Protocol 1.2 (OASIS): one draft message per hazard, colour and kind of place, one info block per language.

Status is Exercise for a drill and Draft otherwise. There is no way to write Actual: the live platform issues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import shapely
from lxml import etree

from twin import phrases
from twin.bridge.dossier import Dossier
from twin.errors import ContractError
from twin.exposure.members import LIKELY
from twin.plan import Alert, Plan, Task
from twin.sheet import Sheet
from twin.words import one_line, say

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SENDER = "anlan.twin"

#: The list of which a sheet's event code is one: classes and codes of emergencies.
EVENT_CODES = "GB/T 35561"

#: Colour -> CAP severity (a proposal: the standard does not map Chinese colours).
SEVERITY = {"blue": "Minor", "yellow": "Moderate", "orange": "Severe", "red": "Extreme"}
LANGUAGES = {"zh": "zh-CN", "en": "en"}

_ENUMS = {
    "status": {"Exercise", "Draft"},
    "msgType": {"Alert", "Update", "Cancel", "Ack", "Error"},
    "scope": {"Public", "Restricted", "Private"},
    "category": {
        "Geo",
        "Met",
        "Safety",
        "Security",
        "Rescue",
        "Fire",
        "Health",
        "Env",
        "Transport",
        "Infra",
        "CBRNE",
        "Other",
    },
    "responseType": {
        "Shelter",
        "Evacuate",
        "Prepare",
        "Execute",
        "Avoid",
        "Monitor",
        "Assess",
        "AllClear",
        "None",
    },
    "urgency": {"Immediate", "Expected", "Future", "Past", "Unknown"},
    "severity": {"Extreme", "Severe", "Moderate", "Minor", "Unknown"},
    "certainty": {"Observed", "Likely", "Possible", "Unlikely", "Unknown"},
}


#: What a task asks of its place (`twin.sheet.ASKS`) -> the response of CAP; opening a place is no message to people.
RESPONSE = {"leave": "Evacuate", "stay": "Shelter", "avoid": "Avoid"}


#: Opened places that a message names, the nearest first.
MOST_OPENED = 3


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `cap/<hazard>-<colour>-<kind>.xml` for each colour that some place of a kind reaches.

    Places of which the plan asks something else than the colour does have a message of their own, named by its response. Places
    that reach no colour but are told to leave or to stay are told so in the colour of their task.
    """
    target = folder / "cap"
    target.mkdir(exist_ok=True)
    places = dossier.places().to_crs("EPSG:4326")
    sheets = {s.sheet.id: s.sheet for s in dossier.sections}
    written, asked = [], _asked(dossier.plan, sheets)
    orders = Orders.of(dossier)

    def of(a: Alert) -> tuple[str, str, str, bool, str]:
        response = asked.get((a.hazard, a.place), sheets[a.hazard].cap.response[a.level])
        return a.hazard, a.level, a.place_kind, not _expected(a), response

    alerts = (*dossier.plan.alerts, *_uncoloured(dossier.plan, asked, places))
    ordered = sorted(alerts, key=lambda a: (*of(a), a.place))
    for (hazard, level, kind, unlikely, response), group in groupby(ordered, key=of):
        message = alert_xml(dossier.plan, list(group), places, sheets[hazard], dossier.city.tz, response, orders)
        check(message)
        own_response = response if response != sheets[hazard].cap.response[level] else ""
        path = target / f"{_subject(hazard, level, kind, own_response, possible=unlikely)}.xml"
        path.write_bytes(etree.tostring(message, xml_declaration=True, encoding="UTF-8", pretty_print=True))
        written.append(path)
    return written


def sent(written: bytes, moment: datetime, mark: str, earlier: Sequence[str]) -> tuple[bytes, str, str]:
    """Return a message that `write` wrote as it goes out at a moment, how a later one refers to it, and its identifier.

    What it is about (its identifier as written) and `mark` make an identifier that no other message has. With `earlier` messages
    about the same it is their Update and refers to them.
    """
    root = etree.fromstring(written)
    texts = {tag: root.find(f"{{{NAMESPACE}}}{tag}") for tag in ("identifier", "sent", "msgType", "sender")}
    drafted = datetime.fromisoformat(texts["sent"].text)
    texts["identifier"].text += f"-{mark}"
    texts["sent"].text = moment.astimezone(drafted.tzinfo).isoformat(timespec="seconds")
    if earlier:
        texts["msgType"].text = "Update"
        references = etree.Element(f"{{{NAMESPACE}}}references")
        references.text, references.tail = " ".join(earlier), "\n  "
        root.find(f"{{{NAMESPACE}}}note").addnext(references)
    check(root)
    reference = ",".join(texts[tag].text for tag in ("sender", "identifier", "sent"))
    out = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return out, reference, texts["identifier"].text


def topic(written: bytes) -> str:
    """Return what a message that `write` wrote is about."""
    return str(etree.fromstring(written).findtext(f"{{{NAMESPACE}}}identifier"))


class Orders:
    """What a plan tells the people of each place to do, by (hazard, place), in a language."""

    def __init__(
        self, told: Mapping[tuple[str, str], Sequence[Task]], opened: gpd.GeoDataFrame, dossier: Dossier
    ) -> None:
        self._told, self._opened, self._hour = told, opened, dossier.hour
        self._places = dossier.places().geometry
        self._leave = {
            (s.sheet.id, rule.code) for s in dossier.sections for rule in s.sheet.tasks if rule.asks == "leave"
        }

    @classmethod
    def of(cls, dossier: Dossier) -> Orders:
        """Return the orders of a plan, and the places that it opens: but for those whose use a conflict speaks against."""
        unfit = {c.place for c in dossier.plan.conflicts if c.code in ("in_danger", "unknown")}
        rules = {(s.sheet.id, rule.code): rule for s in dossier.sections for rule in s.sheet.tasks}
        told: dict[tuple[str, str], list[Task]] = {}
        opened: list[str] = []
        for task in dossier.plan.tasks:
            asks = rules[task.hazard, task.code].asks if (task.hazard, task.code) in rules else ""
            if asks in RESPONSE:
                for place in task.places:
                    told.setdefault((task.hazard, place), []).append(task)
            elif asks == "open" and task.place not in unfit:
                opened.append(task.place)
        places = dossier.places()
        return cls(told, places.loc[[i for i in dict.fromkeys(opened) if i in places.index]], dossier)

    def said(self, hazard: str, place: str, lang: str) -> list[str]:
        """Return what the people of a place are told by a hazard's tasks, with the nearest places that are opened where they leave."""
        found = []
        for task in self._told.get((hazard, place), ()):
            near = self._opened.geometry.distance(self._places[place]).sort_values().index[:MOST_OPENED]
            names = ("、" if lang == "zh" else ", ").join(self._opened.loc[i, f"name_{lang}"] for i in near)
            found.append(
                phrases.order(task, lang, self._hour, names if (task.hazard, task.code) in self._leave else "")
            )
        return found


def _uncoloured(plan: Plan, asked: Mapping[tuple[str, str], str], places: gpd.GeoDataFrame) -> list[Alert]:
    """Return an alert for each place that is told to leave or to stay and reaches no colour."""
    coloured = {(alert.hazard, alert.place) for alert in plan.alerts}
    found: dict[tuple[str, str], Alert] = {}
    for task, place in ((t, place) for t in plan.tasks for place in t.places):
        key, own = (task.hazard, place), places.loc[place]
        if key in asked and key not in coloured and key not in found:
            name = {"zh": str(own["name_zh"]), "en": str(own["name_en"])} if task.also else task.place_name
            found[key] = Alert(
                hazard=task.hazard, place=place, place_kind=task.place_kind, place_name=name,
                level=task.level, onset=task.start, expires=max(task.end, plan.valid_until), rule="", threshold=0.0, peak=0.0,
                probability=task.probability,
            )  # fmt: skip
    return list(found.values())


def _asked(plan: Plan, sheets: Mapping[str, Sheet]) -> dict[tuple[str, str], str]:
    """Return by (hazard, place) the response that the plan's tasks of that hazard ask of it, where they agree."""
    found: dict[tuple[str, str], set[str]] = {}
    for task in plan.tasks:
        rules = {rule.code: rule for rule in sheets[task.hazard].tasks} if task.hazard in sheets else {}
        asks = rules[task.code].asks if task.code in rules else ""
        if asks in RESPONSE:
            for place in task.places:
                found.setdefault((task.hazard, place), set()).add(RESPONSE[asks])
    return {place: responses.pop() for place, responses in found.items() if len(responses) == 1}


def _subject(hazard: str, level: str, kind: str, own_response: str, *, possible: bool) -> str:
    """Return what names a message among those of a plan; `own_response` is empty where the colour's own is asked."""
    return "-".join(filter(None, (hazard, level, kind, own_response.lower(), "possible" if possible else "")))


def alert_xml(
    plan: Plan, alerts: list[Alert], places: gpd.GeoDataFrame, sheet: Sheet, tz: ZoneInfo, response: str, orders: Orders
) -> etree._Element:
    """Return one CAP message for alerts of one hazard, colour and kind of place, with what the hazard's sheet calls it and asks of it.

    `response` is what is asked of these places: what the sheet asks at that colour, or what the plan asks instead.

    Where probabilities are known they stand behind the names of the places and, by the place's id, in parameters.
    """
    cap, name = sheet.cap, sheet.name
    hazard, level, place_kind, expected = alerts[0].hazard, alerts[0].level, alerts[0].place_kind, _expected(alerts[0])
    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    own_response = response if response != cap.response[level] else ""
    _add(
        root,
        identifier=f"{plan.id}-{_subject(hazard, level, place_kind, own_response, possible=not expected)}",
        sender=SENDER,
        sent=_stamp(plan.made, tz),
        status=plan.message_status,
        msgType="Alert",
        source=f"run {plan.run_id}",
        scope="Restricted",
        restriction="decision support draft",
        note=f"drill: {plan.scenario['zh']} {plan.scenario['en']}"
        if plan.mode == "drill"
        else f"plan state {plan.state}",
    )
    onset, expires = min(a.onset for a in alerts), max(a.expires for a in alerts)
    for lang, code in LANGUAGES.items():
        info = etree.SubElement(root, f"{{{NAMESPACE}}}info")
        _add(info, language=code)
        for kind in cap.category:
            _add(info, category=kind)
        colour = say(f"level.{level}", lang=lang)
        _add(
            info,
            event=name[lang],
            responseType=response,
            urgency=cap.urgency[level],
            severity=SEVERITY[level],
            certainty=_certainty(alerts),
        )
        if cap.event_code is not None:
            _named(info, "eventCode", EVENT_CODES, cap.event_code)
        _add(
            info,
            effective=_stamp(plan.made, tz),
            onset=_stamp(onset, tz),
            expires=_stamp(expires, tz),
            senderName="Anlan 安澜",
            headline=say(
                "cap.headline",
                lang=lang,
                hazard=name[lang],
                level=colour,
                kind=say(f"place.{place_kind}", lang=lang),
                count=len(alerts),
            ),
            description=say("cap.description" if expected else "cap.possible", lang=lang, names=_names(alerts, lang)),
            instruction=_instruction(alerts, orders, lang),
        )
        for alert in alerts:
            if alert.probability is not None:
                _named(info, "parameter", f"probability {alert.place}", f"{alert.probability:.2f}")
        for alert in alerts:
            area = etree.SubElement(info, f"{{{NAMESPACE}}}area")
            _add(area, areaDesc=alert.place_name[lang])
            for ring in _rings(places.geometry[alert.place]):
                _add(area, polygon=ring)
    return root


def _instruction(alerts: list[Alert], orders: Orders, lang: str) -> str:
    """Return what people are told to do place by place, ways that are told together once, then that this is a draft."""
    told = list(dict.fromkeys(line for alert in alerts for line in orders.said(alert.hazard, alert.place, lang)))
    return ("" if lang == "zh" else " ").join([*told, say("cap.instruction", lang=lang)])


def _expected(alert: Alert) -> bool:
    """Return whether a place is expected to have its colour: by at least half of the members, or by the only run."""
    return alert.probability is None or alert.probability >= LIKELY


def check(root: etree._Element) -> None:
    """Raise ContractError unless the message obeys CAP 1.2 and this house's rules.

    Besides the enumerations: no spaces or commas in identifier and sender, offsets written +hh:mm, expires after
    effective, closed polygons of four or more "lat,lon" pairs, one info block per language with equal urgency, severity,
    certainty, times and number of areas, restriction with Restricted scope, never status Actual.
    """
    ns = {"c": NAMESPACE}
    for tag, allowed in _ENUMS.items():
        for node in root.iterfind(f".//c:{tag}", ns):
            if node.text not in allowed:
                raise ContractError("cap_value", tag=tag, found=node.text, expected=sorted(allowed))
    for tag in ("identifier", "sender"):
        text = root.findtext(f"c:{tag}", "", ns)
        if not text or re.search(r"[\s,<&]", text):
            raise ContractError("cap_value", tag=tag, found=text, expected="no space, comma, < or &")
    for tag in ("sent", "effective", "onset", "expires"):
        for node in root.iterfind(f".//c:{tag}", ns):
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", node.text or ""):
                raise ContractError("cap_value", tag=tag, found=node.text, expected="YYYY-MM-DDThh:mm:ss+hh:mm")
    if root.findtext("c:scope", "", ns) == "Restricted" and not root.findtext("c:restriction", "", ns):
        raise ContractError("cap_value", tag="restriction", found=None, expected="text with scope Restricted")
    infos = root.findall("c:info", ns)
    same = {
        tuple(
            i.findtext(f"c:{t}", "", ns) for t in ("urgency", "severity", "certainty", "effective", "onset", "expires")
        )
        for i in infos
    }
    counts = {len(i.findall("c:area", ns)) for i in infos}
    if sorted(i.findtext("c:language", "", ns) for i in infos) != ["en", "zh-CN"] or len(same) != 1 or len(counts) != 1:
        raise ContractError("cap_value", tag="info", found=len(infos), expected="zh-CN and en, equal but for the words")
    for info in infos:
        if datetime.fromisoformat(info.findtext("c:expires", "", ns)) <= datetime.fromisoformat(
            info.findtext("c:effective", "", ns)
        ):
            raise ContractError(
                "cap_value",
                tag="expires",
                found=info.findtext("c:expires", "", ns),
                expected="later than effective",
            )
    for node in root.iterfind(".//c:polygon", ns):
        pairs = (node.text or "").split()
        if len(pairs) < 4 or pairs[0] != pairs[-1] or not all(_latlon(p) for p in pairs):
            raise ContractError(
                "cap_value",
                tag="polygon",
                found=(node.text or "")[:60],
                expected="closed lat,lon pairs, four or more",
            )


def _add(parent: etree._Element, **texts: str) -> None:
    for tag, text in texts.items():
        etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}").text = one_line(text)


def _named(parent: etree._Element, tag: str, name: str, value: str) -> None:
    """Add a pair of `valueName` and `value`."""
    _add(etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}"), valueName=name, value=value)


def _stamp(moment: datetime, tz: ZoneInfo) -> str:
    return moment.astimezone(tz).isoformat(timespec="seconds")


def _certainty(alerts: list[Alert]) -> str:
    """CAP certainty from probability: Likely from 0.5 on, Unlikely below 0.05; one deterministic run is Possible."""
    known = [a.probability for a in alerts if a.probability is not None]
    if not known:
        return "Possible"
    return "Likely" if min(known) >= LIKELY else "Unlikely" if max(known) < 0.05 else "Possible"


def _names(alerts: list[Alert], lang: str, most: int = 12) -> str:
    chances = [phrases.chance(a) for a in alerts]
    names = [a.place_name[lang] + (f" ({chance})" if chance else "") for a, chance in zip(alerts, chances, strict=True)]
    joined = ("、" if lang == "zh" else ", ").join(names[:most])
    return joined + say("cap.more", lang=lang, count=len(names) - most) if len(names) > most else joined


def _rings(geometry: shapely.Geometry) -> list[str]:
    """Return the place as CAP polygons: lines and points as a band of about 20 m around them."""
    shape = (
        geometry
        if geometry.geom_type in ("Polygon", "MultiPolygon")
        else geometry.buffer(2e-4, quad_segs=2).simplify(5e-5)
    )
    parts = shape.geoms if shape.geom_type == "MultiPolygon" else [shape]
    return [" ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in part.exterior.coords) for part in parts]


def _latlon(pair: str) -> bool:
    lat, _, lon = pair.partition(",")
    return -90 <= float(lat) <= 90 and -180 <= float(lon) <= 180
