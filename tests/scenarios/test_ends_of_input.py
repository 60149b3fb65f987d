"""At the ends of what may be written: calendars, depths, lengths and sizes are told in one short sentence, at once."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

import scenarios as sc
from twin.errors import SourceError, TwinError
from twin.readers.yaml_file import MOST_LEVELS, read_text, read_yaml
from twin.words import LANGS, MOST_LETTERS

LAUGH = "hours:\n  - &a0 [" + ",".join(["lol"] * 9) + "]\n" + "".join(
    f"  - &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9)
)  # fmt: skip


def told(error: TwinError) -> str:
    """Return the English sentence; both are one line of bounded length."""
    for lang in LANGS:
        assert error.message(lang).isprintable() and "{" not in error.message(lang)[:20]
        assert len(error.message(lang)) < 4 * MOST_LETTERS
    return error.message("en")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LAUGH, "yaml_large"),
        ("a: &a [*a]", "yaml_large"),
        ("[" * 100_000, "yaml_large"),
        ("{a: " * 50_000, "yaml_large"),
        ("- " * 50_000, "yaml_large"),
        ("a: " + "[" * MOST_LEVELS + "]" * MOST_LEVELS, "yaml_large"),
        ("a: 'x\x00y'", "yaml_malformed"),
        ("a: 1\nb: 2\na: 3", "yaml_malformed"),
        ("[1]: 2", "yaml_malformed"),
        ("a: 2026-06-31", "yaml_value"),
        ("a: 0x" + "f" * 6000, "yaml_value"),
        ("a: !!bool maybe", "yaml_value"),
        ("a: !!timestamp soon", "yaml_value"),
    ],
    ids=lambda value: value[:12] if "\x00" not in value else "nul",
)
def test_a_file_without_bounds_is_refused_at_once(text: str, code: str) -> None:
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError) as error:
        read_text(text, "s.yaml")
    assert error.value.code == code and told(error.value).startswith("s.yaml")
    assert time.process_time() - began < 5.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kB"


def test_what_a_file_may_hold_is_read(tmp_path: Path) -> None:
    rows = read_text(
        "a: " + "[" * (MOST_LEVELS - 2) + "1" + "]" * (MOST_LEVELS - 2) + "\nb: &b {c: 1}\nd: [*b, *b]", "s"
    )
    assert rows["d"] == [{"c": 1}, {"c": 1}]
    (tmp_path / "s.yaml").write_bytes(b"\xef\xbb\xbfa: \xe9\x9b\xa8\r\n")
    assert read_yaml(tmp_path / "s.yaml") == {"a": "雨"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"start": "0001-01-01T00:00+08:00"}, "clock_years"),
        ({"start": "9999-12-31T23:59+08:00"}, "clock_years"),
        ({"start": "2262-04-12T00:00Z"}, "clock_years"),
        ({"start": 1080}, "field"),
        ({"start": "2026-06-31T18:00+08:00"}, "field"),
        ({"output_minutes": 1e-320}, "clock_many"),
        ({"output_minutes": 0.0005}, "clock_many"),
        ({"city": "x" * 5000}, "unknown_city"),
        ({"city": "a\x00b"}, "unknown_city"),
        ({"continues": "y" * 5000}, "no_runs"),
        ({"forcing": {"rain": {"gauge": "z" * 5000}}}, "file_missing"),
        ({"measures": [{"kind": "k" * 100_000, "place": "*"}]}, "measure_kind"),
        ({"measures": [{"kind": "inlets", "place": "*", "values": {"open_share": 1}, "start": "9999-12-31T23:00"}]}, "clock_years"),
        ({"hazards": [{"flood": {"x" * 100_000: 1}}]}, "unknown_key"),
        ({"x" * 100_000: 1}, "unknown_key"),
        ({"name": "n" * 100_000}, "field"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_scenario_at_the_ends_is_refused_in_a_short_sentence(
    changes: dict[str, object], code: str, storm: Path
) -> None:
    with pytest.raises(TwinError) as error:
        sc.load(storm).with_changes(**changes).check()
    assert error.value.code == code
    told(error.value)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("start=2026-06-31", "yaml_value"),
        ("hours=" + "[" * 5000, "yaml_large"),
        ("hours.more=1", "setting_key"),
        ("hazards.²=1", "setting_key"),
        ("hours=: :", "yaml_malformed"),
    ],
)
def test_a_setting_is_read_as_a_file_is(setting: str, code: str, storm: Path) -> None:
    with pytest.raises(TwinError) as error:
        sc.load(storm).with_setting(setting)
    assert error.value.code == code and "--set" in told(error.value)
