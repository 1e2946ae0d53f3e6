"""`TAMSHY_SMTP_URL`: where mail is handed over, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_PORTS: Final = {"smtp": 587, "smtps": 465}
_SHAPE: Final = "smtp://user:password@host:587?starttls=1 or smtps://user:password@host"
_MOST_CONNECTIONS: Final = 64


class BadSmtpUrl(ValueError):
    """The address of the mail server cannot be used; the message says what is wrong, without the password."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """A mail server.

    ``tls``: TLS from the first byte (smtps). ``starttls``: TLS is asked for before anything else, and a server
    without it is not used. ``connections``: kept in parallel. ``per_second``: messages a second at most, None for no
    limit. ``bounces_to``: the envelope's sender where it is not the From address. Time-outs are in seconds; that of
    the answer to the end of a message is RFC 5321's ten minutes, because giving up earlier makes second copies.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    starttls: bool = False
    connections: int = 8
    per_second: float | None = None
    bounces_to: str | None = None
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 120.0
    end_timeout_s: float = 600.0
    idle_s: float = 30.0
    per_connection: int = 1000

    @classmethod
    def from_url(cls, url: str) -> SmtpSettings:
        """Read `smtp://user:password@host:port?starttls=1&connections=8&per_second=14&bounces_to=b@shop.example`.

        A password is not sent in the clear: with one, STARTTLS is asked for unless `starttls=0` says otherwise.

        Raises:
            BadSmtpUrl: it cannot be used.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            msg = f"TAMSHY_SMTP_URL is no address ({exc}); it looks like {_SHAPE}"
            raise BadSmtpUrl(msg) from exc
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
            msg = f"TAMSHY_SMTP_URL needs the form {_SHAPE}"
            raise BadSmtpUrl(msg)
        _must_be_a_host(parts.hostname)
        options = _options(parts.query)
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        if (user is None) != (password is None):
            msg = "TAMSHY_SMTP_URL has a user without a password, or the other way round; give both or none"
            raise BadSmtpUrl(msg)
        if not f"{user or ''}{password or ''}".isascii():
            msg = "TAMSHY_SMTP_URL: user and password can only be in ASCII; choose a password that is"
            raise BadSmtpUrl(msg)
        tls = parts.scheme == "smtps"
        starttls = options.pop("starttls", "1" if password and not tls else "0")
        if starttls not in {"0", "1"} or (tls and starttls == "1"):
            msg = "TAMSHY_SMTP_URL: starttls is 0 or 1, and smtps:// has TLS from the start"
            raise BadSmtpUrl(msg)
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            user=user,
            password=password,
            tls=tls,
            starttls=starttls == "1",
            connections=int(_figure(options, "connections", 8, 1, _MOST_CONNECTIONS)),
            per_second=_figure(options, "per_second", 0, 0, 100_000) or None,
            bounces_to=options.get("bounces_to"),
        )


def _must_be_a_host(name: str) -> None:
    """Refuse what no resolver can be asked for: found out at the first mail it would be taken for a fault of the program."""
    try:
        name.encode("idna")
    except UnicodeError as exc:
        msg = f"TAMSHY_SMTP_URL: {name!r:.80} is no name of a host; between two dots stand 1 to 63 letters"
        raise BadSmtpUrl(msg) from exc


def _options(query: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    known = {"starttls", "connections", "per_second", "bounces_to"}
    if unknown := sorted(given.keys() - known):
        msg = f"TAMSHY_SMTP_URL: unknown option {unknown[0]}; known are {', '.join(sorted(known))}"
        raise BadSmtpUrl(msg)
    return given


def _figure(options: dict[str, str], name: str, default: float, least: float, most: float) -> float:
    text = options.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        msg = f"TAMSHY_SMTP_URL: {name} is a number from {least:g} to {most:g}"
        raise BadSmtpUrl(msg)
    return value
