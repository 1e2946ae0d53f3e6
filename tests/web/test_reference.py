"""The HTTP reference names every reason that a caller can be given, and no other of ingest's."""

from __future__ import annotations

import re
from pathlib import Path

from tamshy.ingest import BodyReason, RefusalReason

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"


def test_every_reason_is_documented() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    items = text.split("### Why an item is refused")[1].split("And of a whole body:")[0]
    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", items, re.MULTILINE)) == sorted(
        [reason.value for reason in RefusalReason] + ["reason"]
    )
    whole = text.split("And of a whole body:")[1].split("\n")[0]
    assert sorted(re.findall(r"`([a-z_]+)`", whole)) == sorted(reason.value for reason in BodyReason)
