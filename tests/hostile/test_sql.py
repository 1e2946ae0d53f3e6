"""Promise 66: no name, value or id becomes SQL: what stands in a flow or comes to a route is a value, or is refused."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hostile.conftest import KEYS, Site

from tamshy import sqlkit
from tamshy.conditions import Environment, compile_condition
from tamshy.language.conditions import Scope, read_condition
from tamshy.language.reading import Reading
from tamshy.language.trees import read_tree
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

CANARY: Final = "canary-of-the-database"
PROMISE_66: Final = {
    "a quote": "'",
    "two quotes": "''",
    "double quotes": '"',
    "a quote that ends": "' or true --",
    "double quotes that end": '" or true --',
    "a statement behind": "'; drop table hostile_canary; --",
    "a statement behind a bracket": "'); drop table hostile_canary; --",
    "a statement behind two brackets": "')); update hostile_canary set secret = 'x'; --",
    "a union": "' union select secret from hostile_canary --",
    "a union in brackets": "') union all select secret from hostile_canary --",
    "a sub-select": "' || (select secret from hostile_canary) || '",
    "a cast that fails and tells": "' || cast((select secret from hostile_canary) as int) || '",
    "a sleep": "'; select pg_sleep(30); --",
    "a sleep in a value": "' || (select pg_sleep(30))::text || '",
    "a file": "'; copy hostile_canary from '/etc/passwd'; --",
    "a program": "'; copy hostile_canary to program 'id'; --",
    "a comment": "a/**/or/**/true--",
    "a backslash": "\\",
    "a backslash and a quote": "\\' or true --",
    "dollar quotes": "$$ || (select secret from hostile_canary) || $$",
    "dollar quotes with a name": "$a$ or true $a$",
    "a parameter": "%s",
    "a named parameter": "%(profile)s",
    "percent signs": "%%",
    "a numbered parameter": "$1",
    "braces": "{0} {} {profile}",
    "a cast": "a::text",
    "an operator of jsonb": "a' ? 'b",
    "a path of jsonb": "a,b}'::text[] or true --",
    "a path of jsonpath": '$.a ? (@ == "x")',
    "a connector of Django's": "_connector",
    "an AND by expansion": "_connector=OR 1=1 OR",
    "a look-up of Django's": "profile__properties__contains",
    "a dotted alias": "profile.id",
    "a column": "x.props",
    "an order": "id desc; drop table hostile_canary",
    "letters that turn into quotes": "\u02bc or true --",
    "quotes of another width": "\uff07 or true --",
    "a byte that eats a quote": "\u00bf' or true --",
    "a line end": "a\n' or true --",
    "a very long name": "a" * 5000,
}
# Each: a condition with the text in one place of it. JSON is YAML, and needs no thought about quotes.
FORMS: Final[dict[str, Callable[[str], object]]] = {
    "a property's name": lambda text: {f"profile.{text}": {"eq": 1}},
    "a nested name": lambda text: {f"event.a.{text}.b": {"exists": True}},
    "a value": lambda text: {"profile.a": text},
    "an operator": lambda text: {"profile.a": {text: 1}},
    "a value of eq": lambda text: {"event.a": {"eq": text}},
    "a value of in": lambda text: {"event.a": {"in": [text, 2]}},
    "a value of contains": lambda text: {"event.a": {"contains": text}},
    "a value of starts_with": lambda text: {"event.a": {"starts_with": text}},
    "a value of gt": lambda text: {"event.a": {"gt": text}},
    "a value of before": lambda text: {"event.a": {"before": text}},
    "a span": lambda text: {"event.a": {"within_last": text}},
    "an event's name": lambda text: {"did": text},
    "an event's property": lambda text: {"did": "E", "where": {f"event.{text}": 1}},
    "what is the same": lambda text: {"did": "E", "same": f"event.{text}"},
    "a count": lambda text: {"did": "E", "count": {"gte": text}},
    "what is summed": lambda text: {"did": "E", "sum": {f"event.{text}": {"gte": 1}}},
    "a window": lambda text: {"did": "E", "within": text},
    "a beginning": lambda text: {"did": "E", "since": text},
    "a topic": lambda text: {"subscribed": text},
    "a message": lambda text: {"received": text},
    "a link": lambda text: {"clicked": "any", "url": {"contains": text}},
    "a flow": lambda text: {"enrolled": text},
    "a newest event": lambda text: {"last": text, "ago": {"lt": "3d"}},
}
ENVIRONMENT: Final = Environment(zone="Europe/Paris")


@pytest.fixture(scope="module")
def asked(databases: Databases) -> Iterator[sqlkit.Connection]:
    """A profile that waits for an answer, and a table that nothing may reach."""
    name = f"tamshy_sql_{os.getpid()}"
    with sqlkit.connect(databases.create(name, databases.template)) as conn:
        fill_zones(conn, ["Asia/Almaty", "Europe/Paris"])
        conn.execute("create table hostile_canary (secret text)")
        conn.execute("insert into hostile_canary values (%s)", [CANARY])
        conn.execute(
            b"""create temp table x as select 0::smallint as bucket, gen_random_uuid() as profile,
            timestamptz '2026-03-02 12:00Z' as moment, 'Asia/Almaty' as zone, '{"a": "b"}'::jsonb as props,
            '{}'::jsonb as consents, gen_random_uuid() as enrollment, 'f' as flow, timestamptz '2026-03-01 12:00Z' as entered_at,
            '{}'::jsonb as reached, '{"a": 1}'::jsonb as ev_props, '{}'::jsonb as ev_ctx,
            timestamptz '2026-03-01 12:00Z' as ev_at"""
        )
        conn.execute("set statement_timeout = '10s'")
        conn.commit()
        yield conn
    databases.drop(name)


def answer(conn: sqlkit.Connection, written: object) -> bool | None:
    """Read, compile and ask a condition; None where it is refused when it is read."""
    tree, problems = read_tree(json.dumps(written), "flows/f.yaml")
    reading = Reading(zone="Europe/Paris")
    condition = read_condition(reading, tree, Scope("f"))
    if condition is None or problems or reading.problems:
        assert problems or reading.problems
        return None
    fragment = compile_condition(condition, ENVIRONMENT)
    assert CANARY not in fragment.sql
    assert "hostile" not in fragment.sql
    rows = conn.execute(f"select {fragment.sql} from x".encode(), fragment.params).fetchall()
    assert [type(row[0]) for row in rows] == [bool]
    return bool(rows[0][0])


@pytest.mark.parametrize("name", PROMISE_66)
def test_a_text_in_a_condition_is_a_value_or_refused(asked: sqlkit.Connection, name: str) -> None:
    found = {form: answer(asked, make(PROMISE_66[name])) for form, make in FORMS.items()}
    # Nobody has such a property, did such a thing, or has it as a value.
    assert {form for form, said in found.items() if said} == set()
    assert asked.execute("select secret from hostile_canary").fetchall() == [(CANARY,)]
    asked.rollback()


pieces = st.sampled_from(
    [*PROMISE_66.values(), "'", '"', ";", "--", "/*", "*/", ")", "(", "$$", "\\", "%", "select 1", "\0", "."]
)
texts = st.lists(pieces | st.text(max_size=8), min_size=1, max_size=5).map("".join)


@given(form=st.sampled_from(sorted(FORMS)), text=texts)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mixture_is_anything_else(asked: sqlkit.Connection, form: str, text: str) -> None:
    answer(asked, FORMS[form](text))
    assert asked.execute("select secret from hostile_canary").fetchall() == [(CANARY,)]
    asked.rollback()


# Each: a way into the edge; the text stands for `{}` in the address, or in the body.
WAYS: Final = {
    **dict.fromkeys(
        (
            *(
                "/people?lang={}&find={}",
                "/people/{}/x",
                "/mails/0/{}/x",
                "/flows/{}/1",
                "/flows/welcome/{}",
                "/shop/{}",
            ),
            *("/uncertain?after={}", "/api/uncertain?cursor={}&limit={}", "/api/flows/{}", "/v1/projects/{}/settings"),
            *("/sourceConfig/?writeKey={}", "/c/{}/0", "/m/{}", "/static/{}"),
        ),
        "GET",
    ),
    **dict.fromkeys(
        (
            *(
                "/api/uncertain/{}/sent",
                "/api/domains/{}/resume",
                "/api/flows/{}/pause",
                "/beacon/v1/batch?writeKey={}",
            ),
            "/u/{}",
        ),
        "POST",
    ),
    "/api/profiles/{}/consent": "PUT",
}


@pytest.mark.parametrize("name", PROMISE_66)
def test_a_text_in_a_request_is_a_value_or_refused(site: Site, name: str) -> None:
    text = PROMISE_66[name]
    bearer = {"Authorization": f"Bearer {KEYS['api']}"}
    before = {table: count for table, count in site.held().items() if table not in {"inbox", "profile"}}
    body = json.dumps({"topic": text, "consent": "granted", "wording": text, text: text}).encode()
    for way, method in WAYS.items():
        found = site.ask(method, way.replace("{}", quote(text, safe="")), body if method != "GET" else b"", **bearer)
        assert found.status_code < 500, f"{method} {way}: {found.status_code}"
        assert CANARY.encode() not in found.content
    said = {"type": "track", "userId": text[:200], "anonymousId": text[:200], "messageId": text, "event": text[:200]}
    more = {
        "properties": {text: text},
        "context": {text: text, "timezone": text},
        "traits": {text: text, "email": text},
    }
    calls = [{**said, **more, "type": kind} for kind in ("track", "identify", "page", "group")]
    alias = {"type": "alias", "userId": text[:200], "previousId": f"b{text}"[:200]}
    answered = site.ask("POST", "/v1/batch", json.dumps({"batch": [*calls, alias]}).encode(), X_Write_Key=KEYS["write"])
    assert (answered.status_code, answered.content) == (200, b'{"success":true}')
    assert {table: count for table, count in site.held().items() if table in before} == before
