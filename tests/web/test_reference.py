"""The HTTP reference names every reason that a caller can be given, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.contract.statements import PACKAGE

from tamshy.ingest import BodyReason, RefusalReason
from tamshy.site import gateway

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
OPERATE = REFERENCE.parents[1] / "how-to" / "operate.md"
# What says no, and which of its arguments is the reason.
REFUSING = {"Problem": 1, "_Refused": 1, "_reason": 0}
INGEST = {reason.value for reason in (*RefusalReason, *BodyReason)}


def test_every_reason_is_documented() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    items = text.split("### Why an item is refused")[1].split("And of a whole body:")[0]
    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", items, re.MULTILINE)) == sorted(
        [reason.value for reason in RefusalReason] + ["reason"]
    )
    whole = text.split("And of a whole body:")[1].split("\n")[0]
    assert sorted(re.findall(r"`([a-z_]+)`", whole)) == sorted(reason.value for reason in BodyReason)


def answered(*folders: str) -> set[str]:
    """The reasons that the code of the edge gives; one that is no constant is an ingest's, or a mistake."""
    found = set()
    files = [file for folder in folders for file in sorted((PACKAGE / folder).rglob("*.py"))]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSING):
                continue
            reason = node.args[REFUSING[node.func.id]]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
            else:
                assert ast.unparse(reason).endswith(".reason.value"), f"{file.name}:{node.lineno}"
    return found


def test_every_reason_that_the_edge_gives_is_documented() -> None:
    given = answered("api", "site", "panel", "public")
    assert given >= {"too_slow", "too_many_pieces", "broken_off", "unknown_key", "not_ready", "unavailable"}
    text = REFERENCE.read_text(encoding="utf-8") + OPERATE.read_text(encoding="utf-8")
    assert {reason for reason in given | INGEST if f"`{reason}`" not in text} == set()


def test_the_gateways_own_reasons_are_those_of_its_table() -> None:
    table = REFERENCE.read_text(encoding="utf-8").split("### What is refused before anything is read")[1].split("##")[0]
    assert set(re.findall(r"^\| \d+ \| `([a-z_]+)` \|", table, re.MULTILINE)) == set(gateway._SAYS)
    limits = {gateway.MOST_CRUMBS, gateway.CRUMB, gateway.MOST_ARRIVING, gateway.BODY_WITHIN_S}
    limits |= {gateway.MOST_BYTES >> 20, gateway.MOST_HELD >> 20}
    assert {f"{limit:g}" for limit in limits} <= set(re.findall(r"\d+", table))
