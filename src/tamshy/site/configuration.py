"""Settings: environment variables, or the same keys in a TOML file; an unknown one is refused with what it may mean."""

from __future__ import annotations

import difflib
import hashlib
import logging
import os
import secrets
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "TAMSHY_"
DEFAULT_DATA: Final = "tamshy-data"
SECRET_FILE: Final = "secret_key"  # noqa: S105 - a file's name
_LOG: Final = logging.getLogger("tamshy.site")
_SHORTEST_SECRET: Final = 16
DEFAULT_RAMP: Final = "2"
_STEEPEST: Final = 1e6


class BadSetting(ValueError):
    """A setting is unknown, or its value cannot be used; the message names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the surroundings say; every text empty where they say nothing."""

    database_url: str = ""
    data: str = ""
    base_url: str = ""
    smtp_url: str = ""
    esp: str = ""
    secret_key: str = ""
    bootstrap_write_key: str = ""
    bootstrap_api_key: str = ""
    bootstrap_admin: str = ""
    clock: str = ""
    instance: str = ""
    ramp: str = ""
    config: str = ""

    @property
    def data_folder(self) -> Path:
        """The data folder: the one that was named, else `./tamshy-data`."""
        return Path(self.data or DEFAULT_DATA)


_BY_NAME: Final = {
    ("DATABASE_URL" if field.name == "database_url" else PREFIX + field.name.upper()): field.name
    for field in fields(Configuration)
}
NAMES: Final = tuple(_BY_NAME)
"""The settings by their names in the environment."""


def read_configuration(environ: Mapping[str, str] | None = None) -> Configuration:
    """Read the settings of the environment (default: this process's), and of the TOML file that it names.

    The environment wins. Values are not logged and stand in no message.

    Raises:
        BadSetting: a name is unknown, a value cannot be used, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if name in _BY_NAME or name.startswith(PREFIX)}
    _refuse_unknown(given, "the environment")
    path = given.get(f"{PREFIX}CONFIG", "")
    found = {**(_file(Path(path)) if path else {}), **given}
    configuration = Configuration(**{_BY_NAME[name]: value.strip() for name, value in found.items()})
    _check(configuration)
    return configuration


def environment(configuration: Configuration) -> dict[str, str]:
    """Write settings as environment variables, for processes started by this one."""
    values = {name: getattr(configuration, field) for name, field in _BY_NAME.items()}
    return {name: value for name, value in values.items() if value and name != f"{PREFIX}CONFIG"}


def secret_key(configuration: Configuration) -> str:
    """Give the key that signs: the first of `secret_keys`, which says what it raises."""
    return secret_keys(configuration)[0]


def secret_keys(configuration: Configuration) -> tuple[str, ...]:
    """Give the keys of links: the one that signs, then those that did before and are still believed.

    They are those that are set, else the data folder's own, of which one is made when there is none.

    Raises:
        BadSetting: there is none beside a `DATABASE_URL`, where several machines must share them.
    """
    if not configuration.secret_key:
        if configuration.database_url:
            raise BadSetting(
                "DATABASE_URL is set and TAMSHY_SECRET_KEY is not: links in mails are signed with it, and every "
                "machine needs the same one; take `openssl rand -hex 32` and keep it",
            )
        return _ring(kept_secret(configuration.data_folder), "the data folder's secret_key")
    return _ring(configuration.secret_key, "TAMSHY_SECRET_KEY")


def _ring(text: str, where: str) -> tuple[str, ...]:
    keys = tuple(key for key in (part.strip() for part in text.split(",")) if key)
    if not keys:
        raise BadSetting(f"{where} holds no key; take `openssl rand -hex 32`")
    if any(len(key) < _SHORTEST_SECRET for key in keys):
        # Guessable, but the shop's own choice: said aloud, and spread to the length that signing asks for.
        _LOG.warning(
            "%s has fewer than %d characters and can be guessed; take `openssl rand -hex 32`",
            where,
            _SHORTEST_SECRET,
            extra={"event": "secret_key_short", "detail": where},
        )
    return tuple(hashlib.sha256(key.encode()).hexdigest() if len(key) < _SHORTEST_SECRET else key for key in keys)


def kept_secret(data: Path) -> str:
    """Give the data folder's own secret keys, one made when there is none, read by their owner alone.

    The file holds a key a line, the one that signs first; they are given as the setting has them, with commas.
    """
    path = data / SECRET_FILE
    try:
        return ",".join(path.read_text(encoding="ascii").split())
    except FileNotFoundError:
        pass
    data.mkdir(parents=True, exist_ok=True)
    made = secrets.token_hex(32)
    staged = data / f".{SECRET_FILE}.{os.getpid()}"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # Of two that start at once one finds the other's, instead of signing with a key that is lost.
        os.link(staged, path)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        staged.unlink()
    return made


def _file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as exc:
        raise BadSetting(f"TAMSHY_CONFIG names {path}, which cannot be read: {exc.strerror}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise BadSetting(f"{path} is no TOML: {exc}") from exc
    found: dict[str, str] = {}
    for key, value in table.items():
        name = key if key in _BY_NAME else _named(key)
        if isinstance(value, dict | list | bool):
            raise BadSetting(f'{path}: `{key}` is a text, as in {key} = "…"')
        found[name] = str(value)
    _refuse_unknown(found, str(path))
    return found


def _named(key: str) -> str:
    """Give the full name of a key that a file writes without prefix and in small letters."""
    return "DATABASE_URL" if key == "database_url" else PREFIX + key.upper().removeprefix(PREFIX)


def _refuse_unknown(given: Mapping[str, str], where: str) -> None:
    for name in sorted(given):
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(NAMES)}"
            raise BadSetting(f"{where}: unknown setting {name} ({hint})")


def _check(configuration: Configuration) -> None:
    if configuration.base_url:
        parts = urlsplit(configuration.base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise BadSetting("TAMSHY_BASE_URL is an address like https://mail.shop.example, without query")
    if configuration.esp:
        raise BadSetting("TAMSHY_ESP is not supported yet; hand mail over by TAMSHY_SMTP_URL, which every provider has")
    ramp_of(configuration)
    if configuration.bootstrap_admin and not _is_admin(configuration.bootstrap_admin):
        raise BadSetting("TAMSHY_BOOTSTRAP_ADMIN has the form email:password, both given")


def ramp_of(configuration: Configuration) -> float | None:
    """Give by how many times the usual rate a backlog may leave; None: by any.

    Raises:
        BadSetting: it is no such number.
    """
    text = configuration.ramp or DEFAULT_RAMP
    if text == "off":
        return None
    try:
        times = float(text)
    except ValueError:
        times = 0.0
    if not 0 < times < _STEEPEST:
        raise BadSetting("TAMSHY_RAMP is a number above 0, as in 2 for twice the usual rate, or `off`")
    return times


def _is_admin(text: str) -> bool:
    email, colon, password = text.partition(":")
    return bool(colon) and "@" in email and bool(password)
