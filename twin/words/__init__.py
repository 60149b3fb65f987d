"""One catalogue of sentences in Chinese and English, used by report, desk, CAP, notices and errors.

`zh.json` and `en.json` hold the same keys. A hazard folder brings its own words (`hazard.yaml`) through `add`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from numbers import Real

LANGS = ("zh", "en")

#: Significant digits of a number in a sentence; what was found and what was expected take more, so that one never rounds
#: onto the other. Digits before the point are all kept.
DIGITS, COMPARED = 3, {"found": 6, "expected": 6}

#: What stands in no name and in no XML: letters of control, of which some would move a terminal's cursor, and none at all.
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff\\ufffe\\uffff]")

#: Letters of a value in an error: what a user's file holds may be of any length.
MOST_LETTERS = 600


@cache
def _catalogue(lang: str) -> dict[str, str]:
    words: dict[str, str] = json.loads(files("twin.words").joinpath(f"{lang}.json").read_text("utf-8"))
    return words


def session_lang() -> str:
    """Return the language of this session: ANLAN_LANG, else Chinese when the locale is Chinese, else English."""
    asked = os.environ.get("ANLAN_LANG", "")
    if asked in LANGS:
        return asked
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


def add(words: dict[str, dict[str, str]]) -> None:
    """Add words a hazard folder brings: `{key: {"zh": ..., "en": ...}}`; both languages are required.

    Raises ValueError, whose argument is the key, where a key is there with another meaning: no word is ever changed.
    """
    for key, pair in words.items():
        if any(_catalogue(lang).get(key, pair[lang]) != pair[lang] for lang in LANGS):
            raise ValueError(key)
    for key, pair in words.items():
        for lang in LANGS:
            _catalogue(lang)[key] = pair[lang]


def keys(lang: str) -> set[str]:
    """Return every key known in `lang`."""
    return set(_catalogue(lang))


def has(key: str) -> bool:
    """Return whether there is a word for `key`."""
    return all(key in _catalogue(lang) for lang in LANGS)


def template(key: str, lang: str) -> str:
    """Return the sentence for `key` as written, its places unfilled."""
    return _catalogue(lang)[key]


def say(key: str, *, lang: str | None = None, **values: object) -> str:
    """Return the sentence for `key` with `values` filled in; raise KeyError for an unknown key.

    A value that is itself a code, with a word `<key>.<code>`, is filled in as that word. Numbers are rounded (`DIGITS`).
    """
    words = _catalogue(lang := lang or session_lang())
    return words[key].format_map(_values(key, lang, values))


def brief(key: str, *, lang: str | None = None, **values: object) -> str:
    """Return the sentence as `say` does, a value of more than `MOST_LETTERS` cut in its middle; a sentence in it is not."""
    words = _catalogue(lang := lang or session_lang())
    told = _values(key, lang, values)
    return words[key].format_map({n: t if hasattr(values[n], "in_words") else _cut(t) for n, t in told.items()})


def _values(key: str, lang: str, values: Mapping[str, object]) -> dict[str, str]:
    words = _catalogue(lang)
    return {n: words.get(f"{key}.{v}", written(v, lang, COMPARED.get(n, DIGITS))) for n, v in values.items()}


def _cut(text: str) -> str:
    """Return the first three quarters and the last quarter of a text that is too long; a path keeps the file's name."""
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[: MOST_LETTERS * 3 // 4]} … {text[-MOST_LETTERS // 4 :]}"


@dataclass(frozen=True)
class Word:
    """A word or sentence of the catalogue with its values: said in the language of whoever asks.

    It may itself be a value of a sentence.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def in_words(self, lang: str) -> str:
        """Return the word in `lang`."""
        return say(self.key, lang=lang, **self.values)


#: What is said in each language: a word with its values, a name in both languages, or a text that is the same in both.
Phrase = Word | Mapping[str, str] | str


def near(wrong: str, known: list[str]) -> list[str]:
    """Return up to five of the known ids, those most like the wrong one where some are."""
    return difflib.get_close_matches(wrong, known, 5, 0.4) or known[:5]


def one_line(text: str) -> str:
    """Return a text with a space for each letter of control."""
    return CONTROL.sub(" ", text)


def written(value: object, lang: str, digits: int = DIGITS) -> str:
    """Write a value as a person would: numbers rounded, lists with the commas of the language, a name in both languages in this one.

    What has `in_words(lang)` says itself.

    Letters that do not print (a line break in a key, say) are written as escapes, so a sentence stays one line.
    """
    if hasattr(value, "in_words"):
        return str(value.in_words(lang))
    if isinstance(value, Real) and not isinstance(value, int):
        return _number(float(value), digits)
    if isinstance(value, dict) and set(value) == set(LANGS):
        return str(value[lang])
    if isinstance(value, (list, tuple, set)):
        return ("、" if lang == "zh" else ", ").join(written(item, lang, digits) for item in value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def _number(value: float, digits: int) -> str:
    if 10.0 ** (digits - 1) <= abs(value) < 1e15 or (value.is_integer() and abs(value) < 1e15):
        return f"{value + 0.0:.0f}"
    return f"{value:.{digits}g}"


def width(said: str) -> int:
    """Return how wide a text is, in letters of Latin script: a Chinese letter counts for two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in said)
