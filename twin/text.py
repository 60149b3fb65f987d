"""Bytes of text files to text: UTF-8, UTF-16 with its mark, or GB 18030, as Windows in China writes them."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from twin.errors import SourceError

ENCODINGS = ("utf-8-sig", "gb18030")


def decode(raw: bytes, where: str) -> str:
    """Return the text of a file; raise SourceError where no encoding fits."""
    return decode_all([raw], where)[0]


def decode_all(raw: Sequence[bytes], where: str) -> list[str]:
    """Return the texts of one file, all in one encoding; raise SourceError where none fits."""
    marked = raw and raw[0][:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if marked else ENCODINGS:
        try:
            return [part.decode(encoding) for part in raw]
        except UnicodeDecodeError:
            continue
    raise SourceError("text_encoding", where=where, expected=["UTF-8", "GB 18030"])
