"""Liquid: what is allowed, what is wrong with a template and where, and the rule for what is missing."""

from __future__ import annotations

import pytest
from liquid.exceptions import LiquidError, UndefinedError

from tamshy.language import check_liquid, liquid_environment
from tamshy.language.liquid import is_whole, known_filters, known_tags
from tamshy.language.recommending import KINDS

ROOTS = "cart, coupon, event, locale, now, order, preferences_url, profile, shop, unsubscribe_url, vars, view_url"


@pytest.mark.parametrize(
    "text",
    [
        "no liquid at all, {only} 100% text",
        (
            "{{ profile.first_name | default: 'you' }} {{ event['Product Name'] }} {{ vars.a.b }} {{ shop.name }} "
            "{{ locale }}"
        ),
        (
            "{{ unsubscribe_url }} {{ preferences_url }} {{ view_url }} {{ now | date: '%Y' }} {{ 5 | money }} {{ 5 "
            "| plural: 'a' }}"
        ),
        "{% for p in event.products %}{{ forloop.index }} {{ p.name }}{% else %}none{% endfor %}",
        "{% assign a = event.x | split: ',' %}{% capture b %}{{ a }}{% endcapture %}{{ b }}",
        "{% if profile.a and profile.b == 'x' %}{% elsif event.c contains 'd' %}{% else %}{% endif %}",
        (
            "{% case profile.a %}{% when 1 %}{% endcase %}{% unless profile.b %}{% endunless %}{% raw %}{{ any }}{% "
            "endraw %}"
        ),
        "{% if profile.a %}{% assign x = 1 %}{% endif %}{% if x %}{% endif %}",
    ],
)
def test_what_the_language_allows(text: str) -> None:
    assert check_liquid(text) == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("{{ who }}", [(3, f"Liquid: unknown variable 'who'; there are {ROOTS}")]),
        ("{{ profle.x }}", [(3, "Liquid: unknown variable 'profle' (did you mean 'profile'?)")]),
        ("{% for p in event.x %}{% endfor %}{{ p }}", [(37, f"Liquid: unknown variable 'p'; there are {ROOTS}")]),
        ("{{ event.a[who] }}", [(11, f"Liquid: unknown variable 'who'; there are {ROOTS}")]),
        ("{{ coupon.c.code }}", []),
        ("{% assign picks = profile | recommend: 'new', count: 4 %}", []),
        ("{% assign picks = profile | recommend: event.kind, of: event.products %}", []),
        (
            "{% assign p = profile | recommend: 'similiar' %}",
            [(24, "Liquid: unknown kind of recommendation 'similiar' (did you mean 'similar'?)")],
        ),
        (
            "{{ 1 }}{% for p in event.x %}{% assign n = profile | recommend %}{% endfor %}",
            [(53, f"Liquid: 'recommend' needs a kind: one of {', '.join(KINDS)}")],
        ),
        (
            "{% assign p = profile | recommend: 'new', 4 %}",
            [(24, "Liquid: 'recommend' takes a kind, and 'of' and 'count' by their names")],
        ),
        (
            "{% assign p = profile | recommend: 'new', cuont: 4 %}",
            [(24, "Liquid: unknown argument of 'recommend' 'cuont' (did you mean 'count'?)")],
        ),
        (
            "{% assign p = profile | recommend: 'new', count: 21 %}",
            [(24, "Liquid: 'count' must lie between 1 and 20, not 21")],
        ),
        ("{{ profile.a | upcas }}", [(15, "Liquid: unknown filter 'upcas' (did you mean 'upcase'?)")]),
        ("{{ profile.a | safe }}", [(15, "Liquid: unknown filter 'safe'")]),
        ("{% include 'x' %}", [(3, "Liquid: unknown tag 'include'")]),
        ("{% render 'x' %}", [(3, "Liquid: unknown tag 'render'")]),
        ("{% iff profile.x %}{% endiff %}", [(3, "Liquid: unknown tag 'iff' (did you mean 'if'?)")]),
        ("a {% if profile.x %}", [(2, "Liquid: 'if' is never closed: {% endif %} is missing")]),
        (
            "{% if profile.x %}{% for p in event.x %}{% endfor %}",
            [(0, "Liquid: 'if' is never closed: {% endif %} is missing")],
        ),
        ("{% if profile.x %}{% endfor %}", [(21, "Liquid: unexpected tag 'endfor'")]),
        ("{% raw %}", [(3, "Liquid: 'raw' is never closed: {% endraw %} is missing")]),
        ("{{ profile.x", [(0, "Liquid: expected '}}', found end of file")]),
        ("a {{ }} b", [(2, "Liquid: a value is missing at the end")]),
        ("{% if profile.a < %}{% endif %}", [(0, "Liquid: a value is missing at the end")]),
        ("{% if profile.a && 1 %}{% endif %}", [(16, "Liquid: unexpected '&'")]),
        (
            "{% nope %} {{ }} {{ who }} {{ 1 | upcas }}",
            [
                (3, "Liquid: unknown tag 'nope'"),
                (11, "Liquid: a value is missing at the end"),
                (20, f"Liquid: unknown variable 'who'; there are {ROOTS}"),
                (34, "Liquid: unknown filter 'upcas' (did you mean 'upcase'?)"),
            ],
        ),
        ("{{ " + "a[" * 3000 + "1" + "]" * 3000 + " }}", [(0, "Liquid: nested too deeply")]),
    ],
)
def test_what_is_wrong_comes_with_its_place(text: str, faults: list[tuple[int, str]]) -> None:
    assert check_liquid(text) == faults


def test_the_lists_hold_what_the_environment_holds() -> None:
    environment = liquid_environment()
    assert {"money", "date", "plural", "default", "upcase"} <= set(known_filters()) == set(environment.filters)
    assert {"if", "for", "assign", "case", "unless", "raw"} <= set(known_tags())
    assert not {"include", "render"} & {*known_tags(), *environment.tags}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("{{ event.a }}", True),
        ("{{- event.a | upcase -}}", True),
        (" {{ event.a }}", False),
        ("{{ event.a }}{{ event.b }}", False),
        ("{% if event.a %}{% endif %}", False),
        ("a {{ event.b }}", False),
    ],
)
def test_one_whole_output_keeps_its_type(text: str, *, whole: bool) -> None:
    assert is_whole(text) is whole


def test_rule_21_what_is_missing_is_an_error_but_for_questions() -> None:
    environment = liquid_environment()
    asked = "{{ profile.a | default: 'x' }}{% if profile.a %}y{% endif %}{% unless profile.a %}z{% endunless %}"
    assert environment.from_string(asked).render(profile={}) == "xz"
    for printed in ("{{ profile.a }}", "{{ profile.a | upcase }}", "{% for p in profile.a %}{% endfor %}"):
        with pytest.raises(UndefinedError):
            environment.from_string(printed).render(profile={})


def test_the_checking_environment_renders_no_locale_s_filters() -> None:
    with pytest.raises(LiquidError, match="checks templates and renders none"):
        liquid_environment().from_string("{{ 5 | money }}").render()
    filters = {"money": lambda value: f"{value} KZT"}
    assert liquid_environment(filters=filters).from_string("{{ 5 | money }}").render() == "5 KZT"
