"""Steps that take something from the shop or reach out of it: ``coupon``, ``webhook``, ``notify`` (spec: *Steps*)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tamshy.domain.address import valid_address
from tamshy.domain.reach import literal_address, public_address
from tamshy.language import fields, vocabulary
from tamshy.language.liquid import VALUE_ROOTS, has_liquid
from tamshy.language.model import CallWebhook, IfEmpty, Notify, Step, TakeCoupon, Template, Value
from tamshy.language.reading import Reading, Thing, unknown
from tamshy.language.trees import Leaf, Tree
from tamshy.language.values import read_value, refuse_liquid

if TYPE_CHECKING:
    from tamshy.language.trees import Entry
    from tamshy.language.waits import StepHead

_VARIABLE = fields.STEP_ID
_LONGEST_URL = 2000
_LONGEST_TEXT = 20_000
_MOST_HEADERS = 30
_LONGEST_TIMEOUT = 30
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_OURS = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    )
)
"""Headers that Tamshy writes itself, or that say how the connection is used."""


def read_coupon(reading: Reading, tree: Tree, head: StepHead, flow: str) -> Step | None:
    """Read what stands behind ``coupon``; None where it was refused."""
    keys = fields.mapping(reading, tree, vocabulary.COUPON)
    if keys is None:
        return None
    pool = fields.name(reading, keys["pool"], "pool") if "pool" in keys else None
    if pool is not None:
        reading.use(Thing.POOL, pool, keys["pool"].at)
    variable = fields.name(reading, keys["as"], "as", _VARIABLE) if "as" in keys else None
    if variable is not None:
        reading.coupons.setdefault(flow, set()).add(variable)
    expires = fields.duration(reading, keys["expires"], "expires") if "expires" in keys else None
    if_empty = fields.choice(reading, keys["if_empty"], "if_empty", IfEmpty) if "if_empty" in keys else None
    if pool is None or variable is None:
        return None
    return TakeCoupon(head.id, pool, variable, expires, if_empty or IfEmpty.CONTINUE, head.position, head.note)


def read_webhook(reading: Reading, tree: Tree, head: StepHead) -> Step | None:
    """Read what stands behind ``webhook``; None where it was refused."""
    keys = fields.mapping(reading, tree, vocabulary.WEBHOOK)
    if keys is None:
        return None
    url = _url(reading, keys["url"]) if "url" in keys else None
    method = _method(reading, keys["method"]) if "method" in keys else "POST"
    headers = _headers(reading, keys["headers"]) if "headers" in keys else {}
    body = read_value(reading, keys["body"]) if "body" in keys else None
    if method == "GET" and "body" in keys:
        reading.refuse(
            keys["body"].at, "'body' beside 'method: GET': a GET has no body; put what it asks for into 'url'"
        )
    timeout = _timeout(reading, keys["timeout"]) if "timeout" in keys else 10
    if url is None or method is None or timeout is None:
        return None
    return CallWebhook(head.id, url, method, headers, body, timeout, head.position, head.note)


def read_notify(reading: Reading, tree: Tree, head: StepHead) -> Step | None:
    """Read what stands behind ``notify``; None where it was refused."""
    keys = fields.mapping(reading, tree, vocabulary.NOTIFY)
    if keys is None:
        return None
    to = fields.line(reading, keys["to"], "to") if "to" in keys else None
    if to is not None and valid_address(to) is None:
        reading.refuse(keys["to"].at, f"'to' must be an address such as team@shop.example, not '{to[:80]}'")
        to = None
    subject = _templated(reading, keys["subject"], "subject") if "subject" in keys else None
    text = _templated(reading, keys["text"], "text") if "text" in keys else None
    if to is None or subject is None or text is None:
        return None
    return Notify(head.id, to, subject, text, head.position, head.note)


# -- parts -----------------------------------------------------------------------------------------------------------


def _templated(reading: Reading, tree: Tree, label: str, longest: int = _LONGEST_TEXT) -> Value:
    """Text that may hold Liquid; None where it was refused."""
    found = fields.text(reading, tree, label, longest)
    if found is None or not has_liquid(found) or not isinstance(tree, Leaf):
        return found
    return None if refuse_liquid(reading, tree, VALUE_ROOTS) else Template(found)


def _url(reading: Reading, tree: Tree) -> Value:
    found = _templated(reading, tree, "url", _LONGEST_URL)
    if found is None:
        return None
    written = found.text if isinstance(found, Template) else str(found)
    if isinstance(found, Template) and has_liquid(written.partition("://")[2].partition("/")[0]):
        # Whom it calls must be the shop's choice: never a property's, which anybody on the page can set.
        reading.refuse(tree.at, "'url' may hold Liquid behind the host only, as in https://shop.example/{{ event.id }}")
        return None
    wrong = _wrong_url(written.partition("{")[0] if isinstance(found, Template) else written)
    if wrong:
        reading.refuse(tree.at, f"'url' {wrong}")
        return None
    return found


def _wrong_url(url: str) -> str:
    """What is wrong with an address as far as it is known; empty: nothing."""
    expected = "must be an address such as https://shop.example/hook"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return expected
    if parts.scheme not in {"http", "https"} or not host or any(ord(sign) <= ord(" ") for sign in url):
        return expected
    if parts.username is not None or parts.password is not None:
        return "must hold no user and no password; send a token by 'headers'"
    literal = literal_address(host)
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or (literal is not None and not public_address(literal)):
        return f"leads to {host}, which is not on the public internet; webhooks never reach into private networks"
    return ""


def _method(reading: Reading, tree: Tree) -> str | None:
    if isinstance(tree, Leaf) and tree.text in vocabulary.METHODS:
        return tree.text
    if isinstance(tree, Leaf) and isinstance(tree.value, str):
        reading.refuse(tree.at, unknown("method", tree.text[:40], vocabulary.METHODS))
    else:
        fields.wrong(reading, tree, "method", " or ".join(vocabulary.METHODS))
    return None


def _headers(reading: Reading, tree: Tree) -> dict[str, Value]:
    entries = fields.open_mapping(reading, tree, "headers", "of names to text")
    if len(entries) > _MOST_HEADERS:
        reading.refuse(tree.at, f"'headers' has more than {_MOST_HEADERS} of them")
    found: dict[str, Value] = {}
    for name, entry in entries.items():
        if not _HEADER.fullmatch(name):
            reading.refuse(entry.at, f"'{name[:80]}' is not the name of a header")
        elif name.lower() in _OURS:
            reading.refuse(entry.at, f"the header '{name}' is written by Tamshy itself")
        elif name.lower() in {given.lower() for given in found}:
            reading.refuse(entry.at, f"the header '{name}' stands here already; capitals make no difference")
        else:
            found[name] = _header(reading, name, entry)
    return found


def _header(reading: Reading, name: str, entry: Entry) -> Value:
    value = _templated(reading, entry.value, name, 1000)
    written = value.text if isinstance(value, Template) else value
    if isinstance(written, str) and not all(" " <= sign <= "~" for sign in written):
        reading.refuse(entry.value.at, f"'{name}' must be one line of plain ASCII: it is a header")
    return value


def _timeout(reading: Reading, tree: Tree) -> int | None:
    found = fields.duration(reading, tree, "timeout")
    if found is None:
        return None
    if found.months or found.days or not 1 <= found.seconds <= _LONGEST_TIMEOUT:
        reading.refuse(tree.at, f"'timeout' must lie between 1s and {_LONGEST_TIMEOUT}s")
        return None
    return found.seconds
