"""Liquid: what is allowed, what is wrong with a template and where, and the rule for what is missing."""

from __future__ import annotations

import pytest
from liquid.exceptions import LiquidError, UndefinedError

from tamshy.language import check_liquid, liquid_environment
from tamshy.language.liquid import is_whole, known_filters, known_tags
from tamshy.language.recommending import KINDS, named_anywhere, product_names

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


GIVEN = {
    "list": [1, 1, 2],
    "gaps": [1, None, 2],
    "things": [{"k": "a", "n": 1}, {"k": "b", "n": 2}],
    "mixed": ["b", "C", "a"],
    "lines": "a\nb",
}


@pytest.mark.parametrize(
    ("tag", "text", "said"),
    [
        ("assign", "{% assign a = 2 %}{{ a }}", "2"),
        ("break", "{% for n in (1..4) %}{% if n == 3 %}{% break %}{% endif %}{{ n }}{% endfor %}", "12"),
        ("capture", "{% capture a %}x{{ 1 }}{% endcapture %}{{ a }}", "x1"),
        ("case", "{% case 2 %}{% when 1 %}a{% when 2 %}b{% else %}c{% endcase %}", "b"),
        ("comment", "a{% comment %}b{% endcomment %}c", "ac"),
        ("continue", "{% for n in (1..4) %}{% if n == 3 %}{% continue %}{% endif %}{{ n }}{% endfor %}", "124"),
        ("cycle", "{% for n in (1..3) %}{% cycle 'a', 'b' %}{% endfor %}", "aba"),
        ("decrement", "{% decrement n %}{% decrement n %}", "-1-2"),
        ("doc", "a{% doc %}b{% enddoc %}c", "ac"),
        ("echo", "{% echo 1 %}", "1"),
        ("for", "{% for n in (1..3) %}{{ n }}{% endfor %}", "123"),
        ("if", "{% if 1 > 2 %}a{% elsif 2 > 1 %}b{% endif %}", "b"),
        ("ifchanged", "{% for n in list %}{% ifchanged %}{{ n }}{% endifchanged %}{% endfor %}", "12"),
        ("increment", "{% increment n %}{% increment n %}", "01"),
        ("liquid", "{% liquid\nassign a = 3\necho a %}", "3"),
        ("raw", "{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        (
            "tablerow",
            "{% tablerow n in gaps cols: 3 %}{{ n }}{% endtablerow %}",
            '<tr class="row1">\n<td class="col1">1</td><td class="col2"></td><td class="col3">2</td></tr>\n',
        ),
        ("unless", "{% unless false %}a{% endunless %}", "a"),
    ],
)
def test_each_tag_of_the_library_does_what_it_is_known_for(tag: str, text: str, said: str) -> None:
    assert tag in text
    assert liquid_environment().from_string(text).render(**GIVEN) == said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("abs", "{{ -3 | abs }}", "3"),
        ("append", "{{ 'a' | append: 'b' }}", "ab"),
        ("at_least", "{{ 3 | at_least: 5 }}", "5"),
        ("at_most", "{{ 7 | at_most: 5 }}", "5"),
        ("base64_decode", "{{ 'YSA/' | base64_decode }}", "a ?"),
        ("base64_encode", "{{ 'a ?' | base64_encode }}", "YSA/"),
        ("base64_url_safe_decode", "{{ 'Pz8-' | base64_url_safe_decode }}", "??>"),
        ("base64_url_safe_encode", "{{ '??>' | base64_url_safe_encode }}", "Pz8-"),
        ("capitalize", "{{ 'aNNA b' | capitalize }}", "Anna b"),
        ("ceil", "{{ 1.2 | ceil }}", "2"),
        ("compact", "{{ gaps | compact | join: ',' }}", "1,2"),
        ("concat", "{{ list | concat: list | size }}", "6"),
        ("default", "{{ '' | default: 'x' }}", "x"),
        ("divided_by", "{{ 7 | divided_by: 2 }}", "3"),
        ("downcase", "{{ 'ABC' | downcase }}", "abc"),
        ("escape", "{{ '<a&b>' | escape }}", "&lt;a&amp;b&gt;"),
        ("escape_once", "{{ '&lt;a&b' | escape_once }}", "&lt;a&amp;b"),
        ("find", "{% assign f = things | find: 'k', 'b' %}{{ f.n }}", "2"),
        ("find_index", "{{ things | find_index: 'k', 'b' }}", "1"),
        ("first", "{{ list | first }}", "1"),
        ("floor", "{{ 1.8 | floor }}", "1"),
        ("has", "{{ things | has: 'k', 'b' }}", "true"),
        ("join", "{{ list | join: '-' }}", "1-1-2"),
        ("last", "{{ list | last }}", "2"),
        ("lstrip", "[{{ '  a ' | lstrip }}]", "[a ]"),
        ("map", "{{ things | map: 'k' | join: ',' }}", "a,b"),
        ("minus", "{{ 5 | minus: 2 }}", "3"),
        ("modulo", "{{ 7 | modulo: 4 }}", "3"),
        ("newline_to_br", "{{ lines | newline_to_br }}", "a<br />\nb"),
        ("plus", "{{ 5 | plus: 2 }}", "7"),
        ("prepend", "{{ 'a' | prepend: 'b' }}", "ba"),
        ("reject", "{{ things | reject: 'k', 'b' | map: 'k' | join: ',' }}", "a"),
        ("remove", "{{ 'abab' | remove: 'a' }}", "bb"),
        ("remove_first", "{{ 'abab' | remove_first: 'a' }}", "bab"),
        ("remove_last", "{{ 'abab' | remove_last: 'a' }}", "abb"),
        ("replace", "{{ 'abab' | replace: 'a', 'x' }}", "xbxb"),
        ("replace_first", "{{ 'abab' | replace_first: 'a', 'x' }}", "xbab"),
        ("replace_last", "{{ 'abab' | replace_last: 'a', 'x' }}", "abxb"),
        ("reverse", "{{ list | reverse | join: ',' }}", "2,1,1"),
        ("round", "{{ 1.256 | round: 1 }}", "1.3"),
        ("rstrip", "[{{ ' a  ' | rstrip }}]", "[ a]"),
        ("size", "{{ 'abc' | size }}", "3"),
        ("slice", "{{ 'abcd' | slice: 1, 2 }}", "bc"),
        ("sort", "{{ mixed | sort | join: ',' }}", "C,a,b"),
        ("sort_natural", "{{ mixed | sort_natural | join: ',' }}", "a,b,C"),
        ("split", "{{ 'a,b' | split: ',' | last }}", "b"),
        ("squish", "{{ '  a   b ' | squish }}", "a b"),
        ("strip", "[{{ ' a ' | strip }}]", "[a]"),
        ("strip_html", "{{ '<p>a</p>' | strip_html }}", "a"),
        ("strip_newlines", "{{ lines | strip_newlines }}", "ab"),
        ("sum", "{{ list | sum }}", "4"),
        ("times", "{{ 3 | times: 4 }}", "12"),
        ("truncate", "{{ 'abcdefgh' | truncate: 5 }}", "ab..."),
        ("truncatewords", "{{ 'a b c' | truncatewords: 2 }}", "a b..."),
        ("uniq", "{{ list | uniq | join: ',' }}", "1,2"),
        ("upcase", "{{ 'abc' | upcase }}", "ABC"),
        ("url_decode", "{{ 'a%20b' | url_decode }}", "a b"),
        ("url_encode", "{{ 'a b&c' | url_encode }}", "a+b%26c"),
        ("where", "{{ things | where: 'k', 'b' | map: 'n' | join: ',' }}", "2"),
    ],
)
def test_each_filter_of_the_library_does_what_it_is_known_for(name: str, text: str, said: str) -> None:
    assert f"| {name}" in text
    assert liquid_environment().from_string(text).render(**GIVEN) == said


@pytest.mark.parametrize("kind", ["similar", "together", "popular", "new", "viewed", "next"])
def test_each_kind_can_be_recommended(kind: str) -> None:
    assert check_liquid(f"{{% assign p = profile | recommend: '{kind}', of: 'a1', count: 2 %}}") == []


def test_a_product_is_called_by_its_sku_and_its_product_id() -> None:
    assert product_names({"sku": "a", "product_id": 7, "id": "x"}) == ["a", "7"]
    assert product_names([{"sku": "a"}, "b", 3, True, "", None, {"product_id": "a"}]) == ["a", "b", "3"]
    document = {"products": [{"sku": "a", "price": 1}, {"product_id": "b"}], "id": "x"}
    assert sorted(named_anywhere(document)) == ["a", "b"]
