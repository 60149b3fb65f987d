"""Files damaged at random are refused in one sentence, never with a traceback; what is read from one is what was written.

The same on many more files: `python tests/fuzz/test_damaged_files.py --count 10000 [--seed 1] [--only scenario]`.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import scenarios.case.case
from scenarios.case.home import open_city
from twin.errors import SourceError, TwinError
from twin.hazard import State
from twin.readers import osm
from twin.words import LANGS

SLOWEST_S = 10.0  # processor time that one file may take

#: Values that fit nowhere, or only by a hair.
STRANGE = (
    "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59+14:00", "1677-09-21T00:12:43Z", "2262-04-12T00:00:00Z",
    "2026-06-31T18:00:00+08:00", "2026-02-30", "2026-06-20T24:00+08:00", "0000-00-00", "24:00", "99:99", "18:00:00",
    "9" * 400, "0x" + "f" * 6000, "-1", "1e400", ".nan", "-.inf", "0", "1e-320", "~", "true", "''", "x" * 100_000,
    "'" + "a/" * 3000 + "'", '"\\0"', '"\\ud800"', '"\\x1b[2J"', "!!python/object:os.system [ls]", "!!int x", "!!bool maybe",
    "[" * 5000, "{a: " * 5000, "- " * 5000, "&a [*a]", "*nobody", "? {}", "[]", "{}", "[[[]]]", "{a: {b: {c: 1}}}", "\x00", "\t",
    "../../../etc/passwd", "/dev/null", ".", "..", "~/x", "last", "linjiang", "*", "%", "{where}", "{0}",
)  # fmt: skip

OSM = """<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6" generator="made for tests">
{nodes}
<way id="100"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="primary"/><tag k="name" v="长街"/></way>
<way id="101"><nd ref="3"/><nd ref="4"/><tag k="highway" v="residential"/><tag k="tunnel" v="yes"/><tag k="lanes" v="2"/></way>
<way id="102"><nd ref="2"/><nd ref="5"/><tag k="highway" v="secondary"/><tag k="maxspeed" v="40 mph"/><tag k="bridge" v="yes"/></way>
<way id="103"><nd ref="6"/><nd ref="7"/><nd ref="8"/><nd ref="6"/><tag k="building" v="yes"/><tag k="building:levels" v="5"/></way>
<node id="9" lat="30.702" lon="114.302"><tag k="amenity" v="hospital"/><tag k="name" v="医院"/></node>
</osm>
"""
NODES = "\n".join(f'<node id="{k}" lat="{30.70 + 0.001 * k}" lon="{114.30 + 0.001 * (k % 3)}"/>' for k in range(1, 9))


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return bytes with bits flipped, a piece cut off, taken out, doubled, zeroed or overwritten with noise."""
    size = len(content)
    how, a, b = int(rng.integers(6)), *sorted(int(k) for k in rng.integers(0, size, 2))
    b = min(b, a + 64)
    if how == 0:
        found = bytearray(content)
        for at in rng.integers(0, size, int(rng.integers(1, 8))):
            found[at] ^= 1 << int(rng.integers(8))
        return bytes(found)
    piece = {1: b"", 2: content[a:b] * 2, 3: bytes(b - a), 4: rng.bytes(b - a)}
    return content[:a] if how == 5 else content[:a] + piece[how] + content[b:]


def strange(text: str, rng: np.random.Generator) -> str:
    """Return a scenario file in which what stands behind one to three of its colons or dashes is something else."""
    lines = text.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        k = int(rng.integers(len(lines)))
        mark = next((m for m in (": ", "- ") if m in lines[k]), None)
        value = STRANGE[int(rng.integers(len(STRANGE)))]
        lines[k] = f"{lines[k].partition(mark)[0]}{mark}{value}" if mark else f"{lines[k]} {value}"
    return "\n".join(lines)


def fuzz_scenario(rng: np.random.Generator, folder: Path) -> str:
    """Read and check one damaged scenario of the library."""
    library = sorted(Path(str(files("scenarios").joinpath("library"))).glob("*.yaml"))
    content = library[int(rng.integers(len(library)))].read_bytes()
    content = strange(content.decode(), rng).encode() if rng.random() < 0.7 else damaged(content, rng)
    path = folder / "s.yaml"
    path.write_bytes(content)
    scenarios.case.case.load(path).check()
    return "whole"


def fuzz_osm(rng: np.random.Generator, folder: Path) -> str:
    """Read roads, buildings and facilities of one damaged extract: damaged as packed, or before it was packed."""
    plain = OSM.format(nodes=NODES).encode()
    content = damaged(gzip.compress(plain), rng) if rng.random() < 0.5 else gzip.compress(damaged(plain, rng))
    path = folder / "extract.osm.gz"
    path.write_bytes(content)
    for read in (osm.read_roads, osm.read_buildings, osm.read_facilities):
        read(path, "EPSG:4547")
    return "whole"


def fuzz_state(rng: np.random.Generator, folder: Path) -> str:
    """Read one damaged state: refused, or equal to the whole one."""
    arrays = {"depth": np.linspace(0.0, 1.0, 400).reshape(20, 20), "clogged": np.arange(7), "none": np.zeros(0)}
    whole, path = State("toy", "grid", arrays, {"t": 1.0}, {"scheme": "plain"}), folder / "state-toy.npz"
    whole.save(path)
    path.write_bytes(damaged(path.read_bytes(), rng))
    read = State.load(path).check("toy", "grid", {"scheme": "plain"})
    assert read.arrays.keys() == arrays.keys() and read.numbers == whole.numbers
    assert all(np.array_equal(read.arrays[name], array) for name, array in arrays.items())
    return "whole"


FUZZERS: dict[str, Callable[[np.random.Generator, Path], str]] = {
    "scenario": fuzz_scenario,
    "osm": fuzz_osm,
    "state": fuzz_state,
}


def fuzz(name: str, count: int, seed: int, folder: Path) -> Counter[str]:
    """Return how many damaged files were refused, by code, and how many read as whole; raise for the first traceback.

    File k of a seed is the same whatever the count: `--seed S --first K` makes it again.
    """
    found: Counter[str] = Counter()
    for k in range(count):
        found[one(name, seed, k, folder)] += 1
    return found


def one(name: str, seed: int, k: int, folder: Path) -> str:
    """Return the code with which file `k` is refused, "whole" where it is read."""
    began = time.process_time()
    try:
        code = FUZZERS[name](np.random.default_rng([seed, k]), folder)
    except TwinError as error:
        code = error.code
        for lang in LANGS:
            said = error.message(lang)
            assert said and said.isprintable() and len(said) < 4000, said
    assert time.process_time() - began < SLOWEST_S, f"{name} {seed} {k} takes too long"
    return code


@pytest.mark.parametrize(("name", "count"), [("scenario", 60), ("osm", 40), ("state", 200)])
def test_no_damaged_file_is_a_traceback(name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios.case.case, "open_city", cache(open_city))
    found = fuzz(name, count, 12, tmp_path)
    assert found.total() == count and found["whole"] < count / 2, "most damage is seen"
    assert name == "state" or len(found) > 1, "a damaged state is refused with one sentence whatever the damage"


def test_a_state_cut_at_any_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state-toy.npz"
    State("toy", "grid", {"depth": np.ones(50)}).save(path)
    content = path.read_bytes()
    for size in range(0, len(content), 37):
        path.write_bytes(content[:size])
        with pytest.raises(SourceError) as error:
            State.load(path)
        assert error.value.code == "state_damaged" and "state-toy.npz" in error.value.message("zh")


def main() -> int:
    """Fuzz for long and tell what came of it; the status is the number of kinds of file with a traceback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=sorted(FUZZERS))
    asked = parser.parse_args()
    scenarios.case.case.open_city = cache(open_city)  # type: ignore[attr-defined]
    bad = 0
    for name in [asked.only] if asked.only else FUZZERS:
        found, broken = Counter[str](), Counter[str]()
        with tempfile.TemporaryDirectory() as folder:
            for k in range(asked.first, asked.first + asked.count):
                try:
                    found[one(name, asked.seed, k, Path(folder))] += 1
                except Exception:
                    last = traceback.format_exc().strip().splitlines()[-1][:160]
                    if not broken[last]:
                        sys.stderr.write(
                            f"{name} --seed {asked.seed} --first {k} --count 1\n{traceback.format_exc()}\n"
                        )
                    broken[last] += 1
        bad += bool(broken)
        sys.stdout.write(f"{name}: {broken.total()} tracebacks of {asked.count}; {dict(found.most_common())}\n")
    return bad


if __name__ == "__main__":
    sys.exit(main())
