"""Tables of the desk: long texts are wrapped, and nothing in a text is taken for Markdown or a formula."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

LONG = "![x](http://127.0.0.1:9/x.png) a name that is long enough to need more than one line"


@pytest.mark.parametrize(("said", "kind"), [(LONG, "table"), ("=1+1", "dataframe")])
def test_a_table_shows_its_texts_letter_by_letter(said: str, kind: str) -> None:
    app = AppTest.from_string(
        f"""
from desk.blocks import table
from twin.blocks import Table

table(Table(({{"zh": "甲", "en": "A"}},), (({{"zh": {said!r}, "en": {said!r}}},),)), "en")
"""
    ).run()
    assert not app.exception
    (shown,) = app.table if kind == "table" else app.dataframe
    (text,) = shown.value["A"]
    assert text.startswith("!\\[x\\]" if kind == "table" else "'=")
