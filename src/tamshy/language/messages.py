"""``messages/NAME/``: ``message.yaml`` and one body for each locale."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.liquid import MESSAGE_ROOTS, check_liquid
from tamshy.language.locales import LOCALE, choose_locale
from tamshy.language.model import Body, BodyFormat, Message, MessageKind, Position
from tamshy.language.reading import Reading, Thing, unknown
from tamshy.language.trees import Leaf, Tree, place_in, read_tree
from tamshy.language.values import refuse_liquid

if TYPE_CHECKING:
    from collections.abc import Mapping as Texts

FILE = "message.yaml"
_ENDINGS = (*BodyFormat, "txt")
_LONGEST_BODY = 1_000_000
Keys = dict[str, Tree]


class Channel(StrEnum):
    """What a message goes out by."""

    EMAIL = "email"


def read_message(reading: Reading, name: str, files: Texts[str, str]) -> Message | None:
    """Read one message's folder; ``files`` holds its texts by path relative to the workspace."""
    path = f"messages/{name}/{FILE}"
    bodies = _bodies(reading, files)
    if path not in files:
        reading.refuse(Position(path, 1, 1), f"the message '{name}' has no {FILE}")
        return None
    tree, problems = read_tree(files[path], path)
    reading.problems.extend(problems)
    keys = fields.mapping(reading, tree, vocabulary.MESSAGE)
    if keys is None:
        return None
    subject = _texts(reading, keys, "subject")
    if "subject" in keys:
        _check_fallback(reading, keys["subject"].at, "'subject'", subject)
    if not bodies.wrong:
        _check_fallback(reading, tree.at, f"the message '{name}'", bodies.main)
    return Message(
        name=name,
        kind=_kind(reading, keys),
        subject=subject,
        bodies=bodies.main,
        texts=bodies.plain,
        preheader=_texts(reading, keys, "preheader"),
        topic=_topic(reading, keys, tree.at),
        from_=fields.mailbox(reading, keys["from"], "from") if "from" in keys else None,
        reply_to=fields.mailbox(reading, keys["reply_to"], "reply_to") if "reply_to" in keys else None,
        utm=_utm(reading, keys["utm"]) if "utm" in keys else {},
        position=tree.at,
    )


def _kind(reading: Reading, keys: Keys) -> MessageKind:
    if "channel" in keys:
        fields.choice(reading, keys["channel"], "channel", Channel)
    found = fields.choice(reading, keys["kind"], "kind", MessageKind) if "kind" in keys else None
    return found or MessageKind.MARKETING


def _topic(reading: Reading, keys: Keys, at: Position) -> str | None:
    if "topic" in keys:
        found = fields.name(reading, keys["topic"], "topic", fields.STEP_ID)
        reading.use(Thing.TOPIC, found, keys["topic"].at)
        return found
    transactional = "kind" in keys and isinstance(keys["kind"], Leaf) and keys["kind"].text == MessageKind.TRANSACTIONAL
    if not transactional and not reading.names[Thing.TOPIC]:
        reading.refuse(at, "a marketing message needs a topic, and tamshy.yaml lists none under 'topics'")
    return None


def _check_fallback(reading: Reading, at: Position, what: str, by_locale: Texts[str, object]) -> None:
    if choose_locale(None, by_locale.keys(), reading.locale) is None:
        have = f"only {', '.join(sorted(by_locale))}" if by_locale else "none at all"
        kind = "text" if what == "'subject'" else "body"
        reading.refuse(at, f"{what} has no {kind} for the workspace's locale '{reading.locale}', {have}")


def _texts(reading: Reading, keys: Keys, label: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if label not in keys:
        return found
    for name, entry in fields.open_mapping(
        reading, keys[label], label, "of locales to text, such as {en: Hello}"
    ).items():
        if not _check_locale(reading, name, entry.at):
            continue
        text = fields.line(reading, entry.value, f"{label}.{name}")
        if (
            text is not None
            and isinstance(entry.value, Leaf)
            and not refuse_liquid(reading, entry.value, MESSAGE_ROOTS)
        ):
            found[name] = text
    return found


def _check_locale(reading: Reading, name: str, at: Position) -> bool:
    if LOCALE.fullmatch(name):
        return True
    language, *rest = name.replace("_", "-").split("-")
    likely = "-".join(
        (language.lower(), *(part.title() if len(part) == len("Hans") else part.upper() for part in rest))
    )
    hint = f" (did you mean '{likely}'?)" if LOCALE.fullmatch(likely) else ""
    reading.refuse(at, f"'{name[:40]}' is not a locale such as en or pt-BR{hint}")
    return False


def _utm(reading: Reading, tree: Tree) -> dict[str, str]:
    found = {}
    for name, entry in fields.open_mapping(reading, tree, "utm", "such as {campaign: welcome}").items():
        if name not in vocabulary.UTM:
            reading.refuse(entry.at, f"{unknown('key', name, vocabulary.UTM)} in 'utm'")
            continue
        text = fields.line(reading, entry.value, f"utm.{name}")
        if text is not None:
            found[name] = text
    return found


# -- bodies ----------------------------------------------------------------------------------------------------------


@dataclass
class _Bodies:
    """What the folder holds beside message.yaml; ``wrong`` where a file was refused, so that none is called missing."""

    main: dict[str, Body] = field(default_factory=dict)
    plain: dict[str, Body] = field(default_factory=dict)
    wrong: bool = False


def _bodies(reading: Reading, files: Texts[str, str]) -> _Bodies:
    found = _Bodies()
    for path in sorted(files):
        file = path.rpartition("/")[2]
        if file == FILE:
            continue
        locale, _, ending = file.partition(".")
        if ending not in _ENDINGS:
            text = f"no file of a message: beside {FILE} stand LOCALE.mjml, LOCALE.html, LOCALE.md and LOCALE.txt"
            reading.refuse(Position(path, 1, 1), text)
        elif _check_locale(reading, locale, Position(path, 1, 1)) and _body_is_sound(reading, path, files[path]):
            _add(reading, found, locale, path, files[path])
            continue
        found.wrong = True
    for locale, body in found.plain.items():
        if locale not in found.main:
            text = f"the plain text of a body that is not there: {locale}.mjml, {locale}.html or {locale}.md"
            reading.refuse(Position(body.file, 1, 1), text)
    return found


def _add(reading: Reading, found: _Bodies, locale: str, path: str, text: str) -> None:
    ending = path.rpartition(".")[2]
    if ending == "txt":
        # The format says how a body is built; plain text is written as it stands.
        found.plain[locale] = Body(BodyFormat.MARKDOWN, text, path)
    elif locale in found.main:
        first = found.main[locale].file.rpartition("/")[2]
        reading.refuse(Position(path, 1, 1), f"a second body for '{locale}'; there is {first} already")
    else:
        found.main[locale] = Body(BodyFormat(ending), text, path)


def _body_is_sound(reading: Reading, path: str, text: str) -> bool:
    if not text.strip():
        reading.refuse(Position(path, 1, 1), "the body is empty")
        return False
    if len(text) > _LONGEST_BODY:
        reading.refuse(Position(path, 1, 1), f"the body is longer than {_LONGEST_BODY} characters")
        return False
    faults = check_liquid(text, MESSAGE_ROOTS)
    for offset, reason in faults:
        reading.refuse(place_in(text, offset, path), reason)
    return not faults
