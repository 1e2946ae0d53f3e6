"""`key`: makes, lists and revokes keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.accounts import KeyKind, add_key, keys_of, new_secret, revoke_key
from tamshy.errand import secret_text, signing_key
from tamshy.site.clock import Clock
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import WrongUse, configured, opened
from tamshy.site.configuration import secret_keys

if TYPE_CHECKING:
    import argparse

    from tamshy.site.commands.surroundings import Opened

_DONE: Final = 0
_NOT_SO: Final = 1


def key(options: argparse.Namespace) -> int:
    """Do what was asked with the keys of a workspace."""
    with opened(options) as work:
        if options.does == "list":
            return _list(work, as_json=options.json)
        if options.does == "add":
            return _add(work, KeyKind(options.kind), options.name, as_json=options.json)
        if options.does == "webhooks":
            return _webhooks(work, secret_keys(configured(options)), as_json=options.json)
        return _revoke(work, options.id)


def _list(work: Opened, *, as_json: bool) -> int:
    for known in keys_of(work.conn, work.id):
        ended = known.revoked_at.isoformat() if known.revoked_at else None
        if as_json:
            row = {"id": str(known.id), "kind": known.kind.value, "role": known.role, "name": known.name}
            data({**row, "created_at": known.created_at.isoformat(), "revoked_at": ended})
        else:
            state = f"revoked {ended}" if ended else "in use"
            out(f"{known.id}  {known.kind.value:5}  {known.name:20}  {state}")
    return _DONE


def _add(work: Opened, kind: KeyKind, name: str, *, as_json: bool) -> int:
    secret = new_secret(kind)
    made = add_key(work.conn, work.id, kind, secret, name=name, now=Clock().now())
    work.conn.commit()
    if as_json:
        data({"id": str(made), "kind": kind.value, "key": secret})
    else:
        out(f"{kind.value} key {made}, shown this once: {secret}")
    return _DONE


def _webhooks(work: Opened, secrets: tuple[str, ...], *, as_json: bool) -> int:
    """Show what receivers of webhooks check signatures with: the newest secret's first, then those before it."""
    texts = [secret_text(signing_key(secret, work.workspace)) for secret in secrets]
    if as_json:
        data({"secret": texts[0], "before": texts[1:]})
    else:
        for text in texts:
            out(text)
    return _DONE


def _revoke(work: Opened, text: str) -> int:
    try:
        wanted = UUID(text)
    except ValueError as exc:
        raise WrongUse(f"{text!r} is no key's id; `tamshy key list` shows them") from exc
    done = revoke_key(work.conn, work.id, wanted, now=Clock().now())
    work.conn.commit()
    out("revoked; every process refuses it within a minute" if done else "no key in use has this id")
    return _DONE if done else _NOT_SO
