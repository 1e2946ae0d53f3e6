"""The shortcut of calls past Django: what it answers is what the view answers, and many at once cost few commits."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from django.urls import Resolver404, resolve
from tests.web.test_segment_api import KEY, OK, basic, track

from tamshy.api import wiring
from tamshy.api.calls import take_calls
from tamshy.site.logs import Lines
from tamshy.site.shortcut import ROUTE, SMALL, Answer, Shortcut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.web.conftest import Edge

Headers = list[tuple[str, str]]
MINE: Headers = [("x-write-key", KEY)]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def body_of(*items: object, **more: object) -> bytes:
    return json.dumps({"batch": items, **more}).encode()


def ask(threads: ThreadPoolExecutor, path: str, body: bytes, headers: Headers, query: str = "") -> Answer:
    async def asked() -> Answer:
        shortcut = Shortcut(threads)
        kind = shortcut.kind("POST", path)
        assert kind is not None
        return await shortcut.answer(kind, headers, query, body)

    return asyncio.run(asked())


CASES: dict[str, tuple[str, bytes, Headers, str]] = {
    "a call": ("/v1/track", json.dumps(track()).encode(), MINE, ""),
    "a call by its short path": ("/v1/t/", json.dumps(track()).encode(), MINE, ""),
    "by Basic": ("/v1/t", json.dumps(track()).encode(), list(basic(KEY).items()), ""),
    "the key in the body": ("/v1/t", json.dumps(track(writeKey=KEY)).encode(), [], ""),
    "a beacon": ("/beacon/v1/batch", body_of(track(0), track(1)), [], f"writeKey={KEY}"),
    "the last of two keys": ("/v1/t", json.dumps(track()).encode(), [], f"writeKey=none&writeKey={KEY}"),
    "an empty key in the query": ("/v1/t", json.dumps(track()).encode(), [], "writeKey="),
    "a header twice": ("/v1/t", json.dumps(track()).encode(), [*MINE, *MINE], ""),
    "a page of another host": ("/v1/t", json.dumps(track()).encode(), [*MINE, ("origin", "https://shop.example")], ""),
    "refused for a page of another host": ("/v1/t", b"{}", [("origin", "https://shop.example")], ""),
    "bad items": ("/v1/batch", body_of(track(0), {"type": "track"}, track(2), 7), MINE, ""),
    "a poisoned item": ("/v1/batch", b'{"batch":[{"type":"track","event":"E","userId":"\\ud800"}]}', MINE, ""),
    "a bad single call": ("/v1/track", b'{"event":"E"}', MINE, ""),
    "no JSON": ("/v1/track", b"{", MINE, ""),
    "no batch": ("/v1/batch", b"{}", MINE, ""),
    "no key": ("/v1/track", json.dumps(track()).encode(), [], ""),
    "an unknown key": ("/v1/track", json.dumps(track()).encode(), [("x-write-key", "unknown")], ""),
    "an empty batch": ("/v1/batch", body_of(), MINE, ""),
    "gzip": ("/v1/batch", gzip.compress(body_of(track(0), track(1))), MINE, ""),
    "a bomb": ("/v1/batch", gzip.compress(b" " * 50_000_000), MINE, ""),
    "a large batch": ("/v1/batch", body_of(*(track(n, properties={"x": "y" * 400}) for n in range(100))), MINE, ""),
    "Jitsu": ("/api/s/s2s/page", b'{"userId":"u1","messageId":"m"}', MINE, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_the_view_does_and_stores_the_same(edge: Edge, threads: ThreadPoolExecutor, case: str) -> None:
    path, body, headers, query = CASES[case]
    joined = {name: ",".join(value for given, value in headers if given == name) for name, _ in headers}
    view = edge.client.generic("POST", path, body, query_params=_query(query), headers=joined)
    left = edge.rows("select kind, name, profile, id, moment, ord, properties, facts from inbox order by ord, id")
    counted = _counts(edge)
    edge.conn.execute("truncate seen_message, inbox, identifier, profile")
    edge.conn.commit()

    status, given, content = ask(threads, path, body, headers, query)

    assert (status, content) == (view.status_code, view.content)
    assert Counter(given) == Counter((name.lower(), value) for name, value in view.items())
    assert (
        edge.rows("select kind, name, profile, id, moment, ord, properties, facts from inbox order by ord, id") == left
    )
    assert _counts(edge) == {mark: 2 * number for mark, number in counted.items()}


def _query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        found.setdefault(name, []).append(value)
    return found


def _counts(edge: Edge) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Counted so far, but for the time it took."""
    return {
        (name, tuple(labels.items())): value
        for name, labels, value in edge.counts.samples()
        if name != "tamshy_http_request_microseconds_total"
    }


def test_the_small_and_the_large_are_told_apart_where_the_cases_say() -> None:
    assert len(CASES["a large batch"][1]) > SMALL > len(CASES["bad items"][1])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("OPTIONS", "/v1/track"),
        ("GET", "/v1/track"),
        ("POST", "/v1/tracks"),
        ("POST", "/"),
        ("POST", ""),
        ("POST", "/v1/track//"),
        ("POST", "//v1/track"),
        ("POST", "/api/flows/x/pause"),
    ],
)
def test_everything_else_is_for_django(threads: ThreadPoolExecutor, method: str, path: str) -> None:
    assert Shortcut(threads).kind(method, path) is None


def test_every_path_of_the_view_takes_the_shortcut_and_no_other(threads: ThreadPoolExecutor) -> None:
    words = ("track", "t", "identify", "i", "page", "p", "screen", "s", "group", "g", "alias", "a", "batch", "b", "x")
    paths = [
        f"/{place}{word}{end}"
        for place in ("v1/", "api/s/", "api/s/s2s/", "beacon/v1/", "v2/", "")
        for word in words
        for end in ("", "/", "//")
    ]
    found = {path: Shortcut(threads).kind("POST", path) for path in paths}
    with override_settings(ROOT_URLCONF="tamshy.api.urls"):
        assert found == {path: _kind_by_django(path) for path in paths}
    assert len([path for path, kind in found.items() if kind is not None]) == 2 * (14 + 7 + 7 + 1)


def _kind_by_django(path: str) -> str | None:
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return str(match.kwargs["kind"]) if match.func is take_calls else None


def test_many_at_once_are_each_answered_and_share_commits(edge: Edge, threads: ThreadPoolExecutor) -> None:
    bodies = [json.dumps(track(number, userId=f"u{number % 7}")).encode() for number in range(300)]
    bodies[150] = b'{"event":"E"}'

    async def all_at_once() -> list[Answer]:
        shortcut = Shortcut(threads)
        return await asyncio.gather(*(shortcut.answer("track", MINE, "", body) for body in bodies))

    answers = asyncio.run(all_at_once())
    assert [status for status, _, _ in answers] == [200] * 150 + [400] + [200] * 149
    assert {content for status, _, content in answers if status == 200} == {OK}
    assert edge.rows("select count(*) from inbox") == [(299,)]
    ((commits,),) = edge.rows("select count(distinct xmin::text) from seen_message")
    assert commits < 30
    assert edge.counts.value("tamshy_http_requests_total", route=ROUTE, status="200") == 299


def test_more_than_may_wait_are_told_to_come_again(edge: Edge, threads: ThreadPoolExecutor) -> None:
    wiring.install(replace(edge.wirings[0], most_waiting=3))

    async def four() -> list[Answer]:
        shortcut = Shortcut(threads)
        asked = (shortcut.answer("track", MINE, "", json.dumps(track(number)).encode()) for number in range(4))
        return await asyncio.gather(*asked)

    answers = asyncio.run(four())
    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    assert ("retry-after", "1") in answers[3][1]
    assert edge.rows("select count(*) from inbox") == [(3,)]


def test_while_the_database_is_away_each_is_told_to_come_again(edge: Edge, threads: ThreadPoolExecutor) -> None:
    asked: list[dict[str, Any]] = [track(number) for number in range(5)]

    async def all_at_once() -> list[Answer]:
        shortcut = Shortcut(threads)
        return await asyncio.gather(
            *(shortcut.answer("track", MINE, "", json.dumps(one).encode()) for one in asked),
        )

    edge.down = True
    assert {status for status, _, _ in asyncio.run(all_at_once())} == {503}
    edge.down = False
    assert {status for status, _, _ in asyncio.run(all_at_once())} == {200}
    # Known by now: nothing is asked before the calls are stored.
    edge.down, asked = True, [track(number + 5) for number in range(5)]
    answers = asyncio.run(all_at_once())
    assert {status for status, _, _ in answers} == {503}
    assert all(("retry-after", "2") in headers for _, headers, _ in answers)
    assert edge.rows("select count(*) from inbox") == [(5,)]


def test_an_error_that_nobody_expected_is_told_without_its_words(
    edge: Edge, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def now() -> datetime:
        raise LookupError("somebody's words")

    wiring.install(replace(edge.wirings[0], now=now))
    status, headers, content = ask(threads, "/v1/track", json.dumps(track()).encode(), MINE)
    assert (status, json.loads(content)["reason"]) == (500, "failed")
    assert ("content-type", "application/problem+json") in headers
    (record,) = [one for one in caplog.records if getattr(one, "event", "") == "request_failed"]
    said = Lines("web").format(record)
    assert "LookupError" in said
    assert "somebody" not in said + content.decode()
    assert edge.counts.value("tamshy_http_requests_total", route=ROUTE, status="500") == 1
