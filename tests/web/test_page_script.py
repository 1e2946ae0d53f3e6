"""How the page script is served: small, the same for everybody, kept by browsers, and without the database."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tamshy import api

if TYPE_CHECKING:
    from tests.web.conftest import Edge

SOURCE = Path(api.__file__).parent / "page" / "tamshy.js"
MOST = 15_000
"""Bytes, compressed."""


def test_it_is_served_as_it_lies_in_less_than_fifteen_kilobytes(edge: Edge) -> None:
    plain = edge.client.get("/tamshy.js", headers={"origin": "https://shop.example"})
    assert (plain.status_code, plain.content) == (200, SOURCE.read_bytes())
    assert plain["Content-Type"] == "text/javascript; charset=utf-8"
    assert plain["Access-Control-Allow-Origin"] == "*"
    assert plain["Cross-Origin-Resource-Policy"] == "cross-origin"
    packed = edge.client.get("/tamshy.js", headers={"accept-encoding": "br, gzip"})
    assert (packed["Content-Encoding"], gzip.decompress(packed.content)) == ("gzip", plain.content)
    assert len(packed.content) < MOST
    assert edge.client.post("/tamshy.js").status_code == 405


def test_a_browser_that_has_it_is_told_so_and_keeps_it_for_a_day(edge: Edge) -> None:
    edge.down = True
    first = edge.client.get("/tamshy.js", headers={"accept-encoding": "gzip"})
    assert first["Cache-Control"] == "public, max-age=86400, stale-while-revalidate=604800, stale-if-error=2592000"
    assert first["Vary"] == "Accept-Encoding"
    again = edge.client.get("/tamshy.js", headers={"accept-encoding": "gzip", "if-none-match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert edge.client.get("/tamshy.js")["ETag"] != first["ETag"]


def test_it_asks_nobody_else_and_sets_no_cookie() -> None:
    source = SOURCE.read_text(encoding="utf-8")
    assert re.findall(r"https?://", source) == []
    assert "document.cookie =" not in source
    assert re.findall(r"\b(?:eval|Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b", source) == []
