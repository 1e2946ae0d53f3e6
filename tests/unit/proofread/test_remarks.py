"""What is remarked on, at which place and in which words; and that what is well written has nothing said of it."""

from __future__ import annotations

import pytest

from tamshy.language import read_workspace
from tamshy.proofread import read_over
from tamshy.proofread.missing import unguarded
from tamshy.proofread.pale import pale
from tamshy.render.compile import compile_message

SETTINGS = "url: https://shop.example\nfrom: a@shop.example\ntopics: {news: {}}\n"
MESSAGE = 'subject: {en: "Three new bowls"}\npreheader: {en: "From the new kiln."}\n'
GOOD = "# Three new bowls\n\nThey came out of the new kiln today.\n\n**[See them](https://shop.example/bowls)**\n"


def remarks(body: str, *, message: str = MESSAGE, form: str = "md") -> list[str]:
    """What is said of a message with one body."""
    files = {"tamshy.yaml": SETTINGS, "messages/m/message.yaml": message, f"messages/m/en.{form}": body}
    workspace, problems = read_workspace(files)
    assert problems == []
    compiled, problems = compile_message(workspace.messages["m"], workspace.settings)
    assert problems == []
    return [str(each) for each in read_over(workspace.messages["m"], compiled)]


def mjml(inside: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>\n{inside}\n</mj-column></mj-section></mj-body></mjml>"


BUTTON = '<mj-button href="https://shop.example/bowls" background-color="#0F766E" color="#FFFFFF">See them</mj-button>'


def test_a_good_message_has_nothing_said_of_it() -> None:
    assert remarks(GOOD) == []
    assert remarks(mjml(f'<mj-image src="https://shop.example/b.png" alt="A bowl" />{BUTTON}'), form="mjml") == []


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("LAST CHANCE TO BUY", "it is nearly all capitals, and reads as if you shouted; write it like a sentence"),
        ("СКИДКИ ТОЛЬКО СЕГОДНЯ", "it is nearly all capitals, and reads as if you shouted; write it like a sentence"),
        ("Only today!!", "one exclamation mark is enough, and none is better"),
        ("a" * 71, "71 characters; a telephone shows about 40 of them, and 70 are as many as anybody reads"),
    ],
)
def test_a_subject_that_shouts_or_goes_on_for_ever(subject: str, said: str) -> None:
    message = MESSAGE.replace("Three new bowls", subject)
    assert remarks(GOOD, message=message) == [f"messages/m/message.yaml:1:1: warning: subject, en: {said}"]


@pytest.mark.parametrize(
    "subject",
    ["USB", "New!", "a" * 70, "{% if profile.first_name %}" + "a" * 60 + "{% else %}" + "b" * 60 + "{% endif %}"],
)
def test_a_subject_that_does_not(subject: str) -> None:
    assert remarks(GOOD, message=MESSAGE.replace("Three new bowls", subject)) == []


def test_no_preheader() -> None:
    assert remarks(GOOD, message="subject: {en: Bowls}\n") == [
        (
            "messages/m/message.yaml:1:1: warning: no preheader: mail programs show the first words of the body beside the "
            "subject instead"
        )
    ]


def test_nothing_to_do() -> None:
    said = (
        "messages/m/en.md:1:1: warning: nothing to do: no link leads on; say with one button what the reader can do now"
    )
    assert remarks("# Hello\n\nNothing more.\n") == [said]
    # The way out is no way on.
    assert remarks("# Hello\n\n[Unsubscribe]({{ unsubscribe_url }})\n") == [said]
    assert remarks("# Your order\n", message=f"kind: transactional\n{MESSAGE}") == []


def test_a_link_but_no_button() -> None:
    said = (
        "no button: the one thing to do should be seen at a glance; in MJML that is `mj-button`, in Markdown a paragraph "
        "that is one bold link"
    )
    assert remarks("# Hello\n\nSee [them](https://shop.example/bowls).\n") == [f"messages/m/en.md:1:1: warning: {said}"]
    link = '<p><a href="https://shop.example/bowls">See them</a></p>'
    assert remarks(link, form="html") == [f"messages/m/en.html:1:1: warning: {said}"]
    drawn = link.replace("<a ", '<a style="padding: 12px 24px; background: #0F766E; color: #FFFFFF" ')
    assert remarks(drawn, form="html") == []


def test_four_buttons() -> None:
    four = "".join(f"**[See {n}](https://shop.example/{n})**\n\n" for n in range(4))
    assert remarks(four) == [
        (
            "messages/m/en.md:1:1: warning: 4 buttons that lead to different places; one main action is done more often than "
            "one of many"
        )
    ]
    assert remarks(four.replace("/3)", "/0)").replace("[See 3]", "[See 0]")) == []


def test_two_hundred_words_and_one_more() -> None:
    # With the shop's name above it and the words of the button.
    text = f"{'word ' * 197}\n\n**[See them](https://shop.example/bowls)**\n"
    assert remarks(text) == []
    assert remarks(f"word {text}") == [
        "messages/m/en.md:1:1: warning: 201 words; hardly anybody reads more than 200: say less, and link the rest"
    ]


def test_a_picture_without_words_is_told_at_its_place() -> None:
    said = (
        "a picture without `alt`: many see no pictures, some cannot see at all; say what it shows, "
        'or alt="" where it is but decoration'
    )
    picture = mjml(f'  <mj-image src="https://shop.example/b.png" />{BUTTON}')
    assert remarks(picture, form="mjml") == [f"messages/m/en.mjml:2:3: warning: {said}"]
    assert remarks(f"{GOOD}\n![](https://shop.example/b.png)\n") == [f"messages/m/en.md:7:1: warning: {said}"]
    assert remarks(mjml(f'<mj-image src="https://shop.example/b.png" alt="" />{BUTTON}'), form="mjml") == []


def test_over_102_kilobytes() -> None:
    heavy = mjml(f"<mj-text><!-- -->{'<span></span>' * 8000}</mj-text>{BUTTON}")
    assert [said.partition("; ")[2] for said in remarks(heavy, form="mjml")] == [
        "Gmail cuts off what is beyond 102 kB, the way out too"
    ]


def test_words_that_can_hardly_be_read() -> None:
    pale_ = mjml(f'<mj-text color="#AAAAAA">Look closely</mj-text>{BUTTON}')
    assert remarks(pale_, form="mjml") == [
        (
            "messages/m/en.mjml:1:1: warning: “Look closely” can hardly be read: #AAAAAA on #FFFFFF is 2.3 : 1; "
            "4.5 : 1 is the least (3 : 1 in large letters)"
        )
    ]


@pytest.mark.parametrize(
    ("html", "pairs"),
    [
        ('<p style="color:#777777">a</p>', [("#777777", "#FFFFFF")]),
        ('<p style="color:#767676">a</p>', []),
        ('<p style="color:#777777;font-size:24px">a</p>', []),
        ('<p style="color:#777777;font-size:19px"><b>a</b></p>', []),
        ('<div style="background:#000"><p style="color:#333">a</p></div>', [("#333333", "#000000")]),
        ('<table bgcolor="#14212B"><tr><td style="color: white">a</td></tr></table>', []),
        ('<div style="background-color:#000"><p>a</p></div>', [("#000000", "#000000")]),
        ('<p style="color:{{ profile.colour }}">a</p>', []),
        ('<p style="color:#FFFFFF">{{ x }}</p>', []),
        ('<p style="color:#FFFFFF;display:none">a</p>', []),
        ('<p style="color:#FFFFFF;background:#000;">a</p>b', []),
    ],
)
def test_how_pale_is_too_pale(html: str, pairs: list[tuple[str, str]]) -> None:
    assert [(front, ground) for _, front, ground, _ in pale(html)] == pairs


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{{ profile.first_name }}", ["profile.first_name"]),
        ("{{ profile.first_name | default: 'you' }}", []),
        ("{% if profile.first_name %}{{ profile.first_name | upcase }}{% endif %}", []),
        ("{% if profile.a %}x{% endif %}{{ profile.a }}", ["profile.a"]),
        ("{% if profile.a %}{{ profile.b }}{% endif %}", ["profile.b"]),
        ("{% if event.product %}{{ event.product.name }}{% endif %}", []),
        ("{% if event.product.name %}{{ event.product }}{% endif %}", ["event.product"]),
        ("{% for item in event.products %}{{ item.name }}{% endfor %}", ["event.products"]),
        ("{% if event.products %}{% for item in event.products %}{{ item.name }}{% endfor %}{% endif %}", []),
        ("{% if event.a %}{% elsif event.b %}{{ event.b }}{% endif %}", []),
        ("{{ coupon.cart.code }} {{ coupon.cart.code }}", ["coupon.cart.code"]),
        ("{{ event.occurred_at | date }} {{ shop.name }} {{ now }}", []),
        ("{{ 'profile.x' }} {% raw %}{{ profile.y }}{% endraw %} {% comment %}{{ profile.z }}{% endcomment %}", []),
        ("{% case profile.a %}{% when 1 %}{{ profile.a }}{% endcase %}", []),
    ],
)
def test_what_may_be_missing(text: str, paths: list[str]) -> None:
    assert [path for path, _ in unguarded(text)] == paths


def test_what_may_be_missing_is_told_at_its_place() -> None:
    said = (
        '`event.name` is empty for some, and they would get no mail at all; give it a default (`| default: "…"`) or put '
        "what needs it between {% if event.name %} and {% endif %}"
    )
    assert remarks(f"{GOOD}\nAbout {{{{ event.name }}}}.\n") == [f"messages/m/en.md:7:7: warning: {said}"]
    message = MESSAGE.replace("Three new bowls", "{{ event.name }}")
    assert remarks(GOOD, message=message) == [f"messages/m/message.yaml:1:1: warning: en: {said}"]
