"""What browser libraries fetch before they send: Segment's script, its parts, and settings while the database is away."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tamshy.api import wiring
from tamshy.site.composition import SEGMENT_LIBRARY, SEGMENT_VERSION, script_folders

if TYPE_CHECKING:
    from tests.web.conftest import Edge

KEY = "default-write-key"
LIBRARY = f"/analytics.js/v1/{KEY}/analytics.min.js"
PART = "queryString.bundle.34b193ada8fe288d1bd1.js"
PACKAGE = Path(__file__).parents[2] / "package.json"


@pytest.fixture
def installed(edge: Edge, tmp_path: Path) -> Path:
    """Give the folder of a library, the second of two that are looked in."""
    folder = tmp_path / "umd"
    folder.mkdir()
    (folder / "standalone.js").write_text("library")
    (folder / "standalone.js.gz").write_bytes(gzip.compress(b"library"))
    (folder / PART).write_text("part")
    (folder / "index.js").write_text("not asked for")
    (tmp_path / "x.bundle.0.js").write_text("outside")
    wiring.install(replace(edge.wirings[0], scripts=(tmp_path / "none", folder), scripts_mend="npm install it"))
    return folder


@pytest.mark.usefixtures("installed")
def test_the_library_is_served_to_pages_of_any_host(edge: Edge) -> None:
    answer = edge.client.get(LIBRARY, headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (
        200,
        b"library",
        "text/javascript; charset=utf-8",
    )
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Cache-Control"] == "public, max-age=3600"
    packed = edge.client.get(LIBRARY, headers={"accept-encoding": "br, gzip"})
    assert (packed["Content-Encoding"], gzip.decompress(packed.content)) == ("gzip", b"library")
    again = edge.client.get(LIBRARY, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert edge.client.head(LIBRARY).status_code == 200
    assert edge.client.post(LIBRARY).status_code == 405


@pytest.mark.usefixtures("installed")
def test_its_parts_are_served_and_nothing_else_of_the_folder(edge: Edge) -> None:
    answer = edge.client.get(f"/analytics-next/bundles/{PART}")
    assert (answer.content, "immutable" in answer["Cache-Control"]) == (b"part", True)
    for name in (
        "index.js",
        "standalone.js.gz",
        "..%2Fx.bundle.0.js",
        "../x.bundle.0.js",
        "y.bundle.0.js",
        f"{PART}%0a",
    ):
        assert edge.client.get(f"/analytics-next/bundles/{name}").status_code == 404, name


def test_a_library_that_is_not_installed_says_how_to_install_it(edge: Edge, installed: Path) -> None:
    (installed / "standalone.js").unlink()
    answer = edge.client.get(LIBRARY, headers={"origin": "https://shop.example"})
    assert (answer.status_code, answer.json()["reason"], answer.json()["detail"]) == (
        404,
        "no_script",
        "npm install it",
    )
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.usefixtures("installed")
def test_pages_get_all_they_need_while_the_database_is_away(edge: Edge) -> None:
    edge.down = True
    assert edge.client.get(LIBRARY).status_code == 200
    settings = edge.client.get(f"/v1/projects/{KEY}/settings")
    assert (settings.status_code, settings.json()["integrations"]["Segment.io"]["apiKey"]) == (200, KEY)
    assert edge.client.get("/sourceConfig/", query_params={"writeKey": KEY}).json()["source"]["enabled"] is True


def test_a_beacon_is_taken_with_its_key_in_the_query(edge: Edge) -> None:
    call = {"type": "track", "event": "Left", "anonymousId": "a1", "messageId": "m1"}
    body = json.dumps({"batch": [call], "sentAt": "2026-11-23T09:00:00Z"})
    answer = edge.client.post(f"/beacon/v1/batch?writeKey={KEY}", body, content_type="text/plain;charset=UTF-8")
    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    assert edge.rows("select name from inbox where kind = 'event'") == [("Left",)]
    assert edge.client.post("/beacon/v1/batch?writeKey=x", body, content_type="text/plain").status_code == 401
    assert edge.client.post("/beacon/v1/batch", body, content_type="text/plain").status_code == 401


def test_the_library_is_looked_for_in_the_data_folder_and_then_where_a_checkout_has_it(tmp_path: Path) -> None:
    own, checkout = script_folders(tmp_path)
    assert own == tmp_path / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    assert checkout == PACKAGE.parent / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"


def test_the_version_that_is_recommended_is_the_one_that_is_tested() -> None:
    assert json.loads(PACKAGE.read_text(encoding="utf-8"))["dependencies"][SEGMENT_LIBRARY] == SEGMENT_VERSION
