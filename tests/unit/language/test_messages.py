"""Messages: every key, bodies and locales, and every refusal with its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.language.shop import MESSAGE, SETTINGS, said, sound

from tamshy.language import choose_locale
from tamshy.language.model import NOWHERE, Body, BodyFormat, Message, MessageKind

PATH = "messages/hello/message.yaml"


def refusal(text: str) -> list[str]:
    """What is refused in a message of that text, without its path."""
    return [line.removeprefix(f"{PATH}:") for line in said({PATH: text})]


def test_all_keys_and_bodies() -> None:
    workspace = sound(
        {
            PATH: """\
kind: transactional
topic: news
channel: email
subject: {en: "Hi {{ profile.name }}", pt-BR: Oi}
preheader: {en: Look}
from: Shop <a@shop.example>
reply_to: help@shop.example
utm: {campaign: welcome, source: mail}
""",
            "messages/hello/en.md": None,
            "messages/hello/en.mjml": "<mjml></mjml>\r\n",
            "messages/hello/en.txt": "plain\n",
            "messages/hello/pt-BR.html": "<p>Oi</p>",
        }
    )
    assert replace(workspace.messages["hello"], position=NOWHERE) == Message(
        name="hello",
        kind=MessageKind.TRANSACTIONAL,
        subject={"en": "Hi {{ profile.name }}", "pt-BR": "Oi"},
        bodies={
            "en": Body(BodyFormat.MJML, "<mjml></mjml>\r\n", "messages/hello/en.mjml"),
            "pt-BR": Body(BodyFormat.HTML, "<p>Oi</p>", "messages/hello/pt-BR.html"),
        },
        texts={"en": Body(BodyFormat.MARKDOWN, "plain\n", "messages/hello/en.txt")},
        preheader={"en": "Look"},
        topic="news",
        from_="Shop <a@shop.example>",
        reply_to="help@shop.example",
        utm={"campaign": "welcome", "source": "mail"},
    )


def test_a_message_is_marketing_of_the_workspace_s_topic_unless_it_says_otherwise() -> None:
    message = sound({PATH: "subject: {en: Hello}\n"}).messages["hello"]
    assert (message.kind, message.topic) == (MessageKind.MARKETING, None)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("kind: marketing\n", ["1:1: a message needs 'subject': mapping of locales to text with Liquid"]),
        ("subject: Hello\n", [
            "1:10: 'subject' has no text for the workspace's locale 'en', none at all",
            "1:10: 'subject' must be a mapping of locales to text, such as {en: Hello}, not 'Hello'",
        ]),
        ("subject: {ru: Привет}\n", ["1:10: 'subject' has no text for the workspace's locale 'en', only ru"]),
        ("subject: {en: Hi, EN_us: Hi, english: Hi}\n", [
            "1:19: 'EN_us' is not a locale such as en or pt-BR (did you mean 'en-US'?)",
            "1:30: 'english' is not a locale such as en or pt-BR",
        ]),
        ("subject: {en: 5}\n", [
            "1:10: 'subject' has no text for the workspace's locale 'en', none at all",
            '1:15: \'subject.en\' must be text (write "5" in quotes if that is meant), not the number 5',
        ]),
        ('subject: {en: "a\\nb"}\n', [
            "1:10: 'subject' has no text for the workspace's locale 'en', none at all",
            "1:15: 'subject.en' must be one line without control characters",
        ]),
        ("kind: marketin\nsubject: {en: Hi}\n", [
            "1:7: 'kind' must be marketing or transactional, not 'marketin' (did you mean 'marketing'?)",
        ]),
        ("channel: sms\nsubject: {en: Hi}\n", ["1:10: 'channel' must be email, not 'sms'"]),
        ("topic: offer\nsubject: {en: Hi}\n", ["1:8: unknown topic 'offer' (did you mean 'offers'?)"]),
        ("reply_to: nobody\nsubject: {en: Hi}\n", [
            "1:11: 'reply_to' must be an address such as Shop <hello@shop.example>, not 'nobody'",
        ]),
        ("utm: {campain: x}\nsubject: {en: Hi}\n", ["1:7: unknown key 'campain' (did you mean 'campaign'?) in 'utm'"]),
        ("subjct: {en: Hi}\n", [
            "1:1: a message needs 'subject': mapping of locales to text with Liquid",
            "1:1: unknown key 'subjct' (did you mean 'subject'?) in a message",
        ]),
        ('subject: {en: "Hi {{ profle.name }}"}\n', [
            "1:10: 'subject' has no text for the workspace's locale 'en', none at all",
            "1:22: Liquid: unknown variable 'profle' (did you mean 'profile'?)",
        ]),
        ("preheader: {en: '{{ event.x | mony }}'}\nsubject: {en: Hi}\n", [
            "1:31: Liquid: unknown filter 'mony' (did you mean 'money'?)",
        ]),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(text: str, problems: list[str]) -> None:
    assert refusal(text) == problems


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"messages/hello/message.yaml": None}, [
            "messages/hello/message.yaml:1:1: the message 'hello' has no message.yaml",
        ]),
        ({"messages/hello/en.md": None}, [
            f"{PATH}:1:1: the message 'hello' has no body for the workspace's locale 'en', none at all",
        ]),
        ({"messages/hello/en.md": None, "messages/hello/ru.md": "x"}, [
            f"{PATH}:1:1: the message 'hello' has no body for the workspace's locale 'en', only ru",
        ]),
        ({"messages/hello/en.html": "x"}, [
            ("messages/hello/en.md:1:1: a second body for 'en'; there is en.html "
            "already")]),
        ({"messages/hello/ru.txt": "x"}, [
            "messages/hello/ru.txt:1:1: the plain text of a body that is not there: ru.mjml, ru.html or ru.md",
        ]),
        ({"messages/hello/logo.png": ""}, [
            ("messages/hello/logo.png:1:1: no file of a message: beside message.yaml stand LOCALE.mjml, LOCALE.html, "
            "LOCALE.md and LOCALE.txt"),
        ]),
        ({"messages/hello/pt_br.md": "x"}, [
            "messages/hello/pt_br.md:1:1: 'pt_br' is not a locale such as en or pt-BR (did you mean 'pt-BR'?)",
        ]),
        ({"messages/hello/en.md": " \n"}, ["messages/hello/en.md:1:1: the body is empty"]),
        ({"messages/hello/en.md": "Hello\n{{ profile.name | nope }}\n{% if x %}\n"}, [
            "messages/hello/en.md:3:1: Liquid: 'if' is never closed: {% endif %} is missing",
        ]),
        ({"messages/hello/en.md": "Hello\r\n  {{ profile.name | nope }} {{ who }}\r\n"}, [
            "messages/hello/en.md:2:21: Liquid: unknown filter 'nope'",
            (
                "messages/hello/en.md:2:32: Liquid: unknown variable 'who'; there are cart, coupon, event, locale, now, order, "
                "preferences_url, "
            "profile, shop, unsubscribe_url, vars, view_url"),
        ]),
        ({"tamshy.yaml": "name: x\n", "messages/hello/message.yaml": "subject: {en: Hi}\n"}, [
            f"{PATH}:1:1: a marketing message needs a topic, and tamshy.yaml lists none under 'topics'",
        ]),
    ],
)  # fmt: skip
def test_bodies_are_looked_at_too(changes: dict[str, str | None], problems: list[str]) -> None:
    assert said(changes) == problems


def test_a_transactional_message_needs_no_topic() -> None:
    assert said({"tamshy.yaml": "name: x\n", PATH: "kind: transactional\nsubject: {en: Hi}\n"}) == []


def test_the_workspace_s_language_is_enough_for_its_locale() -> None:
    assert said({"tamshy.yaml": SETTINGS.replace("locale: en", "locale: en-GB"), PATH: MESSAGE}) == []


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        ("ru", {"en", "ru"}, "ru"),
        ("pt-BR", {"en", "pt", "pt-BR"}, "pt-BR"),
        ("pt-br", {"en", "pt-BR"}, "pt-BR"),
        ("pt_BR", {"en", "pt-BR"}, "pt-BR"),
        ("pt-BR", {"en", "pt"}, "pt"),
        ("pt", {"en", "pt-PT", "pt-BR"}, "pt-BR"),
        ("kk", {"en", "ru"}, "en"),
        (None, {"en", "ru"}, "en"),
        ("kk", {"ru"}, None),
    ],
)
def test_a_locale_is_matched_exactly_then_by_language_then_the_workspace_s(
    wanted: str | None, available: set[str], expected: str | None
) -> None:
    assert choose_locale(wanted, available, "en") == expected


def test_each_part_of_utm_is_read() -> None:
    parts = {"source": "mail", "medium": "email", "campaign": "spring", "term": "tea", "content": "top", "id": "7b"}
    written = ", ".join(f"{name}: {text}" for name, text in parts.items())
    assert sound({PATH: f"subject: {{en: Hello}}\nutm: {{{written}}}\n"}).messages["hello"].utm == parts
