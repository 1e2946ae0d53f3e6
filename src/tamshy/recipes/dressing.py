"""The one look of all letters: MJML for a letter in a language, dressed in a shop's brand.

The language has no includes, so each body is whole; what the letters share stands here once. A letter's order names
its parts: a number (its own words), or one of ``PARTS``, with its argument behind a colon (``code:cart``).
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

from tamshy.recipes import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.recipes.brand import Brand
    from tamshy.recipes.letters import Letter, Wording

INK: Final = "#14212B"
QUIET: Final = "#4B5A63"
LINE: Final = "#D9DFDC"

_ONE_LETTER: Final = re.compile(r"(?<![^\s(«])([АВИКОСУЯавикосуя]) (?=\S)")

_HEAD: Final = """\
<mjml lang="{locale}">
  <mj-head>
    <mj-title>{title}</mj-title>
    <mj-attributes>
      <mj-all font-family="{font}" />
      <mj-section padding="0 32px" />
      <mj-text font-size="16px" line-height="25px" color="#14212B" padding="0 0 16px" />
      <mj-table font-size="16px" line-height="23px" color="#14212B" padding="0 0 16px" />
      <mj-button background-color="{accent}" color="#FFFFFF" font-size="17px" font-weight="600" line-height="20px" \
inner-padding="14px 28px" border-radius="{radius}px" align="left" padding="8px 0 24px" />
    </mj-attributes>
    <mj-raw><meta name="color-scheme" content="light dark" />\
<meta name="supported-color-schemes" content="light dark" /></mj-raw>
    <mj-style>
      a {{ color: {accent}; }}
      .heading div {{ letter-spacing: -0.3px; }}
      .button a {{ text-align: center; }}
      @media (max-width: 479px) {{
        .button table {{ width: 100% !important; }}
        .button a {{ display: block !important; padding-left: 12px !important; padding-right: 12px !important; }}
        .sheet > table > tbody > tr > td {{ padding-left: 0 !important; padding-right: 0 !important; }}
        .room > table > tbody > tr > td {{ padding-left: 20px !important; padding-right: 20px !important; }}
      }}
      @media (prefers-color-scheme: dark) {{
        body, .page {{ background-color: #10191F !important; }}
        .card, .card > table {{ background-color: #18242C !important; }}
        .ink div, .ink table, .ink td {{ color: #E8EDEA !important; }}
        .quiet div, .quiet td, .quiet a, .ink .quiet {{ color: #A9B5B2 !important; }}
        .ink a {{ color: {night} !important; }}
        .ink a.plain {{ color: inherit !important; }}
        .line {{ border-color: #31414A !important; }}
        .soft {{ background-color: #20303A !important; color: #E8EDEA !important; }}
      }}
    </mj-style>
  </mj-head>
  <mj-body background-color="#EEF1EF" css-class="page">
    <mj-section padding="28px 32px 18px" css-class="room">
      <mj-column>
        <mj-text css-class="ink" font-size="20px" line-height="40px" font-weight="700" padding="0">\
<a class="plain" href="{{{{ shop.url }}}}" style="color: inherit; text-decoration: none;">{logo}</a></mj-text>
      </mj-column>
    </mj-section>
    <mj-wrapper background-color="#FFFFFF" border-radius="{card}px" padding="0 0 16px" css-class="card">
"""
_PICTURE: Final = """\
      <mj-section padding="0">
        <mj-column>
          <mj-image src="{address}" alt="{alt}" width="600px" border-radius="{card}px {card}px 0 0" padding="0" />
        </mj-column>
      </mj-section>
"""
_BEGIN: Final = """\
      <mj-section padding="32px 32px 0" css-class="room">
        <mj-column>
          <mj-text css-class="ink heading" font-size="27px" line-height="35px" font-weight="700" padding="0 0 14px">\
{title}</mj-text>
"""
_END: Final = """\
        </mj-column>
      </mj-section>
    </mj-wrapper>
    <mj-section padding="22px 32px 44px" css-class="room">
      <mj-column>
        <mj-text css-class="quiet" font-size="13px" line-height="20px" color="#4B5A63" padding="0">
          {foot}
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def dressed(letter: Letter, locale: str, brand: Brand, body_locale: str | None = None) -> str:
    """The MJML of a letter in one of its languages; ``body_locale``: what it goes by, where that is another."""
    wording = letter.wordings[locale]
    card = brand.radius + 4 if brand.radius else 0
    logo = "{{ shop.name }}"
    if brand.logo:
        style = "display: block; height: 40px; border: 0;"
        logo = f'<img src="{escape(brand.logo)}" height="40" alt="{{{{ shop.name }}}}" style="{style}" />'
    text = _HEAD.format(
        locale=body_locale or locale,
        title=wording.title,
        font=brand.font,
        accent=brand.accent,
        night=brand.accent_by_night,
        radius=brand.radius,
        card=card,
        logo=logo,
    )
    if brand.pictures and letter.picture:
        address = f"{escape(brand.pictures)}/{letter.picture}.png"
        text += _PICTURE.format(address=address, alt=words.PICTURES[letter.picture][locale], card=card)
    text += _BEGIN.format(title=_bound(wording.title, locale))
    part = _Parts(letter, wording, locale, brand)
    text += "".join(part.written(name) for name in letter.order)
    return text + _END.format(foot=_foot(letter, locale, brand))


def _bound(text: str, locale: str) -> str:
    """Bind what no line begins or ends with: a dash to the word before it, a Russian word of one letter to the one behind it."""
    text = text.replace(" — ", "\N{NO-BREAK SPACE}— ")
    return _ONE_LETTER.sub("\\1\N{NO-BREAK SPACE}", text) if locale == "ru" else text


def _foot(letter: Letter, locale: str, brand: Brand) -> str:
    def link(address: str, text: str) -> str:
        return f'<a href="{{{{ {address} }}}}" style="color: {QUIET}; white-space: nowrap;">{text}</a>'

    ways = [link("view_url", words.VIEW[locale])]
    if letter.kind == "marketing":
        ways = [
            link("unsubscribe_url", words.UNSUBSCRIBE[locale]),
            link("preferences_url", words.PREFERENCES[locale]),
            *ways,
        ]
    lines = [_bound(words.WHY[letter.why][locale], locale), " · ".join(ways)]
    lines.append("{{ shop.name }}" + (f", {escape(brand.address)}" if brand.address else ""))
    return "<br />\n          ".join(lines)


def _unbroken(text: str) -> str:
    """A date or an amount, which stays on one line."""
    return f'<span style="white-space: nowrap;">{text}</span>'


class _Parts:
    """The parts of one letter in one language."""

    def __init__(self, letter: Letter, wording: Wording, locale: str, brand: Brand) -> None:
        self._letter = letter
        self._wording = wording
        self._locale = locale
        self._brand = brand

    def written(self, name: str) -> str:
        """The MJML of the part that an order names."""
        kind, _, argument = name.partition(":")
        if kind in self._wording.parts:
            said = self._wording.parts[kind]
            return self._list(said) if isinstance(said, list) else self._text(said)
        return PARTS[kind](self, argument)

    def _text(self, text: str) -> str:
        return f'          <mj-text css-class="ink">{_bound(text, self._locale)}</mj-text>\n'

    def _list(self, items: list[str]) -> str:
        """Things one below the other, each with its number in a soft square."""
        rows = "".join(
            f"""\
            <tr>
              <td width="30" valign="top" style="padding: 0 14px 14px 0;"><div class="soft" style="width: 30px; height: 30px; \
line-height: 30px; border-radius: {self._brand.radius}px; background-color: {self._brand.soft}; color: {INK}; text-align: center; \
font-weight: 700;">{number}</div></td>
              <td valign="top" style="padding: 3px 0 14px;">{_bound(item, self._locale)}</td>
            </tr>
"""
            for number, item in enumerate(items, start=1)
        )
        return f'          <mj-table css-class="ink" padding="0 0 4px">\n{rows}          </mj-table>\n'

    def hello(self, _: str) -> str:
        """The greeting, where the name is known."""
        return f"""\
          {{% if profile.first_name %}}
          <mj-text css-class="ink">{words.HELLO[self._locale]}</mj-text>
          {{% endif %}}
"""

    def help(self, _: str) -> str:
        """The offer of a person's help."""
        return self._text(words.HELP[self._locale])

    def button(self, _: str) -> str:
        """The one thing to do."""
        return (
            f'          <mj-button href="{self._letter.link}" css-class="button">{self._wording.button}</mj-button>\n'
        )

    def basket(self, _: str) -> str:
        """What is in the basket or the order, with the sum."""
        total = f"""\
            {{% if event.value %}}
            <tr>
              <td class="line" style="padding: 12px 16px 0 0; border-top: 1px solid {LINE};">{words.TOTAL[self._locale]}</td>
              <td class="line" style="padding: 12px 0 0; border-top: 1px solid {LINE};">\
<strong>{{{{ event.value | money }}}}</strong></td>
            </tr>
            {{% endif %}}
"""
        return self._goods("event.products", total)

    def arrivals(self, _: str) -> str:
        """Products of the catalogue, one below the other."""
        return self._goods("event.products", "")

    def viewed(self, _: str) -> str:
        """The product that the event itself is about."""
        return self._one("event")

    def product(self, _: str) -> str:
        """The product of the catalogue that a trigger is about."""
        return self._one("event.product")

    def picks(self, argument: str) -> str:
        """Products that Tamshy recommends: ``picks:similar``; ``picks:together:event.products`` says to what."""
        kind, _, of = argument.partition(":")
        assign = f'{{% assign picks = profile | recommend: "{kind}", count: 3 %}}'
        if of:
            # An order that says nothing of its products is no reason to write nothing.
            about = f'{{% assign picks = profile | recommend: "{kind}", of: {of}, count: 3 %}}'
            assign = f"{{% if {of} %}}{about}{{% else %}}{assign}{{% endif %}}"
        lead = self._text(words.PICKED[kind][self._locale])
        return f"          {assign}\n{self._goods('picks', '', lead)}"

    def code(self, variable: str) -> str:
        """The code that was taken for this person, and until when it is good."""
        root = f"coupon.{variable}"
        until = words.VALID[self._locale].format(_unbroken(f"{{{{ {root}.expires_at | date }}}}"))
        return f"""\
          {{% if {root}.code %}}
          <mj-table css-class="ink">
            <tr>
              <td class="soft" style="padding: 18px 20px; background-color: {self._brand.soft}; color: {INK}; \
border-radius: {self._brand.radius}px;">{words.CODE[self._locale]}<br />\
<span style="font-family: Menlo, Consolas, 'Courier New', monospace; font-size: 24px; line-height: 34px; font-weight: 700; \
letter-spacing: 1px;">{{{{ {root}.code }}}}</span>{{% if {root}.expires_at %}}<br />{until}{{% endif %}}</td>
            </tr>
          </mj-table>
          {{% endif %}}
"""

    def facts(self, argument: str) -> str:
        """What is known of an order, line by line: ``facts:order+tracking``."""
        rows = ""
        for name in argument.split("+"):
            path, filter_, labels = words.FACTS[name]
            shown = _unbroken(f"{{{{ {path} | {filter_} }}}}") if filter_ else f"{{{{ {path} }}}}"
            rows += f"""\
            {{% if {path} %}}
            <tr>
              <td class="quiet" width="150" valign="top" style="padding: 0 16px 8px 0; color: {QUIET};">{labels[self._locale]}</td>
              <td valign="top" style="padding: 0 0 8px;"><strong>{shown}</strong></td>
            </tr>
            {{% endif %}}
"""
        return f'          <mj-table css-class="ink" padding="0 0 8px">\n{rows}          </mj-table>\n'

    def _goods(self, path: str, below: str, above: str = "") -> str:
        # An empty list is as good as none, and to Liquid it is true.
        return f"""\
          {{% if {path}.size > 0 %}}
{above}          <mj-table css-class="ink" padding="0 0 {16 if below else 2}px">
            {{% for item in {path} %}}
{self._row("item")}            {{% endfor %}}
{below}          </mj-table>
          {{% endif %}}
"""

    def _one(self, path: str) -> str:
        return f"""\
          {{% if {path}.name %}}
          <mj-table css-class="ink" padding="0 0 2px">
{self._row(path)}          </mj-table>
          {{% endif %}}
"""

    def _row(self, path: str) -> str:
        chosen = words.CHOSEN[self._locale]
        corner = self._brand.radius
        named = f"<strong>{{{{ {path}.name | default: '{chosen}' }}}}</strong>"
        linked = (
            f'{{% if {path}.url %}}<a class="plain" href="{{{{ {path}.url }}}}" style="color: inherit; text-decoration: none;">'
            f"{named}</a>"
            f"{{% else %}}{named}{{% endif %}}"
        )
        picture = (
            f'{{% if {path}.image_url %}}<img src="{{{{ {path}.image_url }}}}" width="96" height="96" '
            f"alt=\"{{{{ {path}.name | default: '{chosen}' }}}}\" "
            f'style="display: block; width: 96px; height: 96px; border: 0; border-radius: {corner}px;" />{{% endif %}}'
        )
        price = (
            f'{{% if {path}.price %}}<br /><span class="quiet" style="color: {QUIET};">{{{{ {path}.price | money }}}}'
            f"{{% if {path}.quantity > 1 %}} × {{{{ {path}.quantity }}}}{{% endif %}}</span>{{% endif %}}"
        )
        if path == "event.product":
            price += (
                f'{{% if event.old_price %}}<span class="quiet" style="color: {QUIET};">, {words.BEFORE[self._locale]} '
                "<s>{{ event.old_price | money }}</s></span>{% endif %}"
            )
        return f"""\
            <tr>
              <td width="96" valign="top" style="padding: 0 16px 16px 0;">{picture}</td>
              <td valign="middle" style="padding: 0 0 16px;">{linked}{price}</td>
            </tr>
"""


PARTS: Final[dict[str, Callable[[_Parts, str], str]]] = {
    "hello": _Parts.hello,
    "help": _Parts.help,
    "button": _Parts.button,
    "basket": _Parts.basket,
    "arrivals": _Parts.arrivals,
    "viewed": _Parts.viewed,
    "product": _Parts.product,
    "picks": _Parts.picks,
    "code": _Parts.code,
    "facts": _Parts.facts,
}
