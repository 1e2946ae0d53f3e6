"""The shortcuts that rendering takes, beside python-liquid's own way: the same text, and the same failures."""

from __future__ import annotations

from io import StringIO

import pytest
from liquid.builtin.output import Output
from liquid.exceptions import LiquidError
from liquid.template import BoundTemplate

from tamshy.render.filters import FILTERS
from tamshy.render.liquid import Context, environment, place
from tamshy.render.manner import Manner
from tamshy.render.tracking import add_tags

MANNER = Manner("en", "Asia/Almaty", "KZT", "2026-03-02T11:00:00Z")
SCOPE: dict[str, object] = {
    "profile": {
        "name": "Айгүл <&>",
        "none": None,
        "bare": "",
        "yes": True,
        "no": False,
        "n": 3,
        "tags": ["a", "<b>"],
        "of": {"k": "v"},
    },
    "event": {"products": [{"name": "Bowl", "price": 1200}, {"name": "Jug <x>", "price": 3500.5}], "list": []},
    "now": MANNER.now,
}
TEMPLATES = (
    "plain {{ profile.name }} and {{ profile['name'] }} and {{ profile.tags[1] }}",
    "{{ profile.tags.first }} {{ profile.tags.size }} {{ event.products[0].name }}",
    "{{ profile.name | default: 'a <b>' }}|{{ profile.none | default: 'a <b>' }}|{{ profile.bare | default: \"it's\" }}",
    "{{ profile.gone | default: 'x' }}|{{ profile.no | default: 'no' }}|{{ profile.no | default: 'no', allow_false: true }}",
    "{{ profile.n | default: 7 }}|{{ profile.list | default: 1.5 }}|{{ event.list | default: 'nothing' }}",
    "{{ profile.gone | default: profile.name }}|{{ profile.gone | default: 'y' | upcase }}",
    "{{ profile.n | plus: 2 | times: 1.5 }} {{ profile.name | append: ' <i>' | upcase }} {{ profile.n | plus: profile.n }}",
    "{{ profile.tags }} {{ profile.of }} {{ profile.yes }} {{ profile.none }} {{ (1..3) }} {{ 'lit <eral>' }}",
    "{{ profile.tags | join: '<' }} {{ profile.name | escape }} {{ profile.name | size }}",
    "{% for p in event.products %}{{ forloop.index }} {{ p.name }} {{ p.price | money }}{% endfor %}",
    "{% for p in event.products %}{{ p.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
    "{% for p in event.products %}{% if p.price > 2000 %}{% continue %}{% endif %}{{ p.name }}{% endfor %}",
    "{% for p in event.products %}{{ p.name }}{% break %}{% else %}none{% endfor %}",
    "{% for i in (1..3) %}{% for j in (1..2) %}{{ i }}{{ j }}{{ forloop.parentloop.index }} {% endfor %}{% endfor %}",
    "{% for i in (1..3) %}{% endfor %}{{ i | default: 'gone' }}{% for x in event.list %}{% else %}nobody{% endfor %}",
    "|{% if profile.yes %}  {% endif %}|{% if profile.yes %}{% assign a = 1 %} {% endif %}{{ a }}|",
    "{% assign profile = 'shadowed' %}{{ profile }}{% increment n %}{{ n }}",
    "{% capture c %}<{{ event.products[0].name }}>{% endcapture %}{{ c }}",
    "{% case profile.n %}{% when 1 %}one{% when 3 %}three {{ profile.name }}{% endcase %}",
    "{% cycle 'a', '<b>' %}{% echo profile.name %}{% liquid assign z = profile.n\necho z %}",
    "{% tablerow p in event.products cols:2 %}{{ p.name }}{% endtablerow %}",
    "{{ now | date: '%H:%M' }} {{ profile.n | plural: 'cup', 'cups' }}",
)
FAILING = (
    "x {{ profile.gone }}",
    "{% for p in event.products %}{{ p.gone }}{% endfor %}",
    "{{ profile.gone | upcase }}",
    "{{ profile.name | money }}",
    "{{ profile.n | divided_by: 0 }}",
    "{{ profile.name | plus }}",
    "{{ profile.name | truncate: 'x' }}",
    "{{ profile.n | money: 'EURO' }}",
    "{{ profile.n | plus: profile.gone }}",
    "a{% break %}b",
    "{{ profile.tags[7] }}",
)


class _Plain(BoundTemplate):
    context_class = Context


def _said(text: str, *, autoescape: bool, short: bool) -> object:
    env = environment(autoescape=autoescape, filters=FILTERS)
    add_tags(env)
    if not short:
        env.add_tag(Output)
        env.template_class = _Plain
    template = env.from_string(text)
    buffer = StringIO()
    context = Context(template, SCOPE, MANNER)
    context.buffers.append(buffer)
    try:
        template.render_with_context(context, buffer)
    except LiquidError as exc:
        return type(exc).__name__, str(exc.message), place(exc)
    return buffer.getvalue()


@pytest.mark.parametrize("autoescape", [True, False])
@pytest.mark.parametrize("text", TEMPLATES)
def test_what_is_said_is_what_the_library_says(text: str, autoescape: bool) -> None:  # noqa: FBT001 - a parameter of the test
    short = _said(text, autoescape=autoescape, short=True)
    assert isinstance(short, str)
    # The one difference that is meant: mappings print as JSON.
    long = _said(text.replace("{{ profile.of }} ", ""), autoescape=autoescape, short=False)
    assert short.replace('{"k":"v"} ', "").replace("{&#34;k&#34;:&#34;v&#34;} ", "") == long


@pytest.mark.parametrize("autoescape", [True, False])
@pytest.mark.parametrize("text", FAILING)
def test_what_fails_fails_alike(text: str, autoescape: bool) -> None:  # noqa: FBT001
    short = _said(text, autoescape=autoescape, short=True)
    assert isinstance(short, tuple)
    assert short == _said(text, autoescape=autoescape, short=False)
