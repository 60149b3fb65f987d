"""What holds the audit log together: a chain of signed entries, and a signed head that is kept apart from the database.

Each entry's hash is signed with a key and covers the hash before it, so that no entry can be changed, put in or made anew
without the key. The head says how far the log goes, so that no last entries can be dropped. Key and head lie in one folder;
machines that share a database share that folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.store.disk import writing
from twin.lease import alone

KEY, HEAD, LOCK = "key", "head.json", "lock"


@dataclass(frozen=True)
class Head:
    """The last entry that is vouched for."""

    number: int
    hash: str


@dataclass(frozen=True)
class Seals:
    """The folder of key and head; both are made when the first entry is written."""

    folder: Path

    def sign(self, content: Any) -> str:
        """Return the signature of plain content."""
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hmac.new(self._key(), text.encode(), hashlib.sha256).hexdigest()

    def head(self) -> Head | None:
        """Return the head; None where there is none or its signature is not ours."""
        try:
            found = json.loads((self.folder / HEAD).read_text("utf-8"))
            head = Head(int(found["number"]), str(found["hash"]))
            signed = hmac.compare_digest(str(found["signature"]), self.sign([head.number, head.hash]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return head if signed else None

    def move(self, head: Head) -> None:
        """Put the head on a later entry."""
        with contextlib.suppress(OSError), alone(self.folder / LOCK):  # a stale head vouches for less, never for more
            before = self.head()
            if before is None or before.number < head.number:
                said = {"number": head.number, "hash": head.hash, "signature": self.sign([head.number, head.hash])}
                aside = self.folder / f".{HEAD}-{uuid.uuid4().hex[:8]}"
                aside.write_text(json.dumps(said), "utf-8")
                aside.replace(self.folder / HEAD)

    def _key(self) -> bytes:
        path = self.folder / KEY
        with writing(self.folder):
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                aside = self.folder / f".{KEY}-{uuid.uuid4().hex[:8]}"
                aside.touch(mode=0o600)
                aside.write_bytes(secrets.token_bytes(32))
                with contextlib.suppress(FileExistsError):  # another made one at the same time: that one holds
                    os.link(aside, path)
                aside.unlink()
            return path.read_bytes()


def digest(content: Any) -> str:
    """Return the hash of plain content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
