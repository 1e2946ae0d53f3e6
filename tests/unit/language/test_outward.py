"""The steps `coupon`, `webhook` and `notify`: each form, and every refusal with its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamshy.domain.duration import Duration
from tamshy.language import read_workspace
from tamshy.language.model import (
    NOWHERE,
    CallWebhook,
    Flow,
    IfEmpty,
    Notify,
    Ref,
    Root,
    Step,
    TakeCoupon,
    Template,
    WaitUntilMoment,
)


def read(steps: str, subject: str = "Hello") -> tuple[Flow, list[str]]:
    files = {
        "tamshy.yaml": "topics: {offers: {}}\n",
        "coupons/p.yaml": "pattern: C-????\n",
        "messages/hello/message.yaml": f'subject: {{en: "{subject}"}}\n',
        "messages/hello/en.md": "Hi\n",
        "flows/f.yaml": f"trigger: {{event: Go}}\nsteps: {steps}\n",
    }
    workspace, problems = read_workspace(files)
    return workspace.flows["f"], [str(problem).removeprefix("flows/f.yaml:") for problem in problems]


def only(step: str) -> Step:
    flow, problems = read(f"[{step}]")
    assert problems == []
    return replace(flow.steps[0], position=NOWHERE)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{coupon: {pool: p, as: c}}", TakeCoupon("coupon-1", "p", "c")),
        (
            "{coupon: {pool: p, as: c, expires: 48h, if_empty: exit}, id: x}",
            TakeCoupon("x", "p", "c", Duration(seconds=172_800), IfEmpty.EXIT),
        ),
        ("{webhook: {url: 'https://shop.example/x'}}", CallWebhook("webhook-1", "https://shop.example/x")),
        (
            (
                "{webhook: {url: 'http://8.8.8.8/{{ event.id }}', method: PUT, headers: {X-A: '{{ profile.a }}'}, body: {a: 1},"
                " timeout: 3s}}"
            ),
            CallWebhook(
                "webhook-1",
                Template("http://8.8.8.8/{{ event.id }}"),
                "PUT",
                {"X-A": Template("{{ profile.a }}")},
                {"a": 1},
                3,
            ),
        ),
        (
            "{notify: {to: a@b.example, subject: s, text: '{{ coupon.c.code }}'}}",
            Notify("notify-1", "a@b.example", "s", Template("{{ coupon.c.code }}")),
        ),
    ],
)
def test_the_forms(written: str, expected: Step) -> None:
    assert only(written) == expected


def test_references_to_a_coupon() -> None:
    flow, problems = read("[{coupon: {pool: p, as: c}}, {wait: {until: coupon.c.expires_at, offset: -1d}}]")
    assert problems == []
    wait = replace(flow.steps[1], position=NOWHERE)
    assert wait == WaitUntilMoment("wait-1", Ref(Root.COUPON, ("c", "expires_at")), Duration(days=-1))


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ("[{coupon: {pool: q, as: c}}]", ["2:25: unknown coupon pool 'q'; there is p"]),
        ("[{coupon: {pool: p}}]", ["2:18: 'coupon' needs 'as': name by which templates know it: `coupon.NAME.code`"]),
        ("[{coupon: {pool: p, as: C d}}]", [
            "2:32: 'as' must be a name of small letters, digits, hyphens and underscores, 64 at most, not 'C d'",
        ]),
        ("[{coupon: {pool: p, as: c, if_empty: stop}}]", ["2:45: 'if_empty' must be continue or exit, not 'stop'"]),
        ("[{wait: {until: coupon.c.expires_at}}]", [
            "2:9: unknown coupon 'c'; there is none; a 'coupon' step of this flow takes it 'as' that",
        ]),
        ("[{coupon: {pool: p, as: c}}, {branch: [{if: {coupon.d.code: {exists: true}}, steps: [{wait: 1d}]}]}]", [
            "2:37: unknown coupon 'd'; there is c; a 'coupon' step of this flow takes it 'as' that",
        ]),
        ("[{webhook: {}}]", ["2:19: 'webhook' needs 'url': address, `https://…` or `http://…`; may hold Liquid"]),
        ("[{webhook: {url: shop.example}}]", ["2:25: 'url' must be an address such as https://shop.example/hook"]),
        ("[{webhook: {url: 'https://a:b@shop.example'}}]", [
            "2:25: 'url' must hold no user and no password; send a token by 'headers'",
        ]),
        ("[{webhook: {url: 'https://{{ profile.site }}/'}}]", [
            "2:25: 'url' may hold Liquid behind the host only, as in https://shop.example/{{ event.id }}",
        ]),
        ("[{webhook: {url: 'https://shop.example', method: GTE}}]", [
            "2:57: unknown method 'GTE' (did you mean 'GET'?)",
        ]),
        ("[{webhook: {url: 'https://shop.example', method: GET, body: x}}]", [
            "2:68: 'body' beside 'method: GET': a GET has no body; put what it asks for into 'url'",
        ]),
        ("[{webhook: {url: 'https://shop.example', timeout: 1m}}]", ["2:58: 'timeout' must lie between 1s and 30s"]),
        ("[{webhook: {url: 'https://shop.example', headers: {Webhook-Id: x, 'a b': c, A: b, a: c, B: ö}}}]", [
            "2:59: the header 'Webhook-Id' is written by Tamshy itself",
            "2:74: 'a b' is not the name of a header",
            "2:90: the header 'a' stands here already; capitals make no difference",
            "2:99: 'B' must be one line of plain ASCII: it is a header",
        ]),
        ("[{webhook: {url: 'https://shop.example/{{ x }}'}}]", [
            "2:50: Liquid: unknown variable 'x'; there are cart, coupon, event, locale, now, order, profile, shop, vars",
        ]),
        ("[{notify: {to: team, subject: s, text: t}}]", [
            "2:23: 'to' must be an address such as team@shop.example, not 'team'",
        ]),
        ("[{notify: {to: a@b.example, subject: '{{ a'}}]", [
            "2:46: Liquid: expected '}}', found end of file",
            "2:18: 'notify' needs 'text': text; may hold Liquid",
        ]),
    ],
)  # fmt: skip
def test_what_is_refused(steps: str, problems: list[str]) -> None:
    assert sorted(read(steps)[1]) == sorted(problems)


SAYS = "{{ coupon.c.code }}"
OVER = "'hello' tells of the code 'c', which has expired by then: it was taken in line 2 with 'expires: 2d'"
TAKE = "{coupon: {pool: p, as: c, expires: 2d}}"


def _halves(one: str, other: str) -> str:
    return f"{{split: {{name: n, arms: {{a: {{weight: 1, steps: [{one}]}}, b: {{weight: 1, steps: [{other}]}}}}}}}}"


@pytest.mark.parametrize(
    ("steps", "over"),
    [
        (f"[{TAKE}, {{wait: 2d}}, {{send: hello}}]", True),
        (f"[{TAKE}, {{wait: 47h}}, {{send: hello}}]", False),
        (f"[{TAKE}, {{wait: 1d}}, {{wait: 1d}}, {{send: hello}}]", True),
        (f"[{TAKE}, {{wait: 1d}}, {TAKE}, {{wait: 1d}}, {{send: hello}}]", False),
        (f"[{TAKE}, {{wait: {{until: coupon.c.expires_at}}}}, {{send: hello}}]", True),
        (f"[{TAKE}, {{wait: {{until: coupon.c.expires_at, offset: -1h}}}}, {{send: hello}}]", False),
        (f"[{TAKE}, {{wait_for: {{event: X, at_most: 3d}}}}, {{send: hello}}]", False),
        (f"[{TAKE}, {{wait_for: {{event: X, at_most: 3d, then: [{{exit: x}}]}}}}, {{send: hello}}]", True),
        (f"[{TAKE}, {{branch: [{{if: {{did: X}}, steps: [{{wait: 3d}}]}}]}}, {{send: hello}}]", False),
        (
            f"[{TAKE}, {{branch: [{{if: {{did: X}}, steps: [{{wait: 3d}}]}}, {{else: [{{wait: 2d}}]}}]}}, {{send: hello}}]",
            True,
        ),
        (f"[{TAKE.replace(', expires: 2d', '')}, {{wait: 1y}}, {{send: hello}}]", False),
        (f"[{TAKE}, {_halves('{wait: 3d}', '{wait: 3d}')}, {{send: hello}}]", True),
        (f"[{TAKE}, {_halves('{wait: 3d}', TAKE)}, {{send: hello}}]", False),
        (f"[{TAKE}, {{wait: 3d}}, {_halves(TAKE, TAKE)}, {{send: hello}}]", False),
        (f"[{TAKE}, {{repeat: {{times: 3, every: 1d, steps: [{{wait: 1h}}, {{send: hello}}]}}}}]", False),
        (f"[{TAKE}, {{repeat: {{times: 3, every: 1d, steps: [{{wait: 2d}}, {{send: hello}}]}}}}]", True),
        (f"[{TAKE.replace('2d', '29d')}, {{wait: 1mo}}, {{send: hello}}]", False),
    ],
)
def test_a_discount_that_outlives_its_code(steps: str, over: bool) -> None:  # noqa: FBT001 - a parameter of the cases
    problems = read(steps, SAYS)[1]
    assert [line.partition(": ")[2] for line in problems] == ([OVER] if over else [])
    assert read(steps)[1] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
def test_each_method_is_read(method: str) -> None:
    written = f"{{webhook: {{url: 'https://shop.example/x', method: {method}}}}}"
    assert only(written) == CallWebhook("webhook-1", "https://shop.example/x", method)
