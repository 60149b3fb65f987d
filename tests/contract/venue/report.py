"""What only the venue can say: each zone's most people, its density in time, and the crowd where it was densest."""

from twin.blocks import Curve, Picture, Table, Text
from twin.plan import shown
from twin.words import Word

COLOURS = ("#e8b04a", "#7a4fb0", "#40206b")


def blocks(section, city, clock):
    """Return the venue's own blocks: one of each kind."""
    zones, density = section.places.set_index("id"), section.fields["zone_density"]
    names = tuple({"zh": zone.name_zh, "en": zone.name_en} for zone in zones.itertuples())
    people = section.tables["zones"].set_index("id")["people"]
    rows = tuple((name, shown(float(people[zone]))) for name, zone in zip(names, zones.index, strict=True))
    worst = int(section.fields["crowd_density"].sum(("y", "x")).argmax("time"))
    layer = next(layer for layer in section.sheet.layers if layer.variable == "crowd_density")
    return [
        Text(Word("report.venue.zones"), "title"),
        Table((Word("report.venue.zone"), Word("report.venue.most")), rows, (1,)),
        Curve(Word("report.venue.density"), density.to_pandas(), names, COLOURS, "m-2"),
        Picture(layer, layer.of(section.fields, worst), section.exposure.places),
    ]
