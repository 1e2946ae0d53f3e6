"""The plain layout that Markdown and fragments of HTML come in, and the footer that a marketing mail must have.

One column of 600 px, light and dark, readable without pictures and in Outlook's engine. What is put into an address or
a text here is either ours, escaped, or a Liquid tag that escapes when it runs.
"""

from __future__ import annotations

from typing import Final

from markupsafe import escape

from tamshy.render.words import words

INK: Final = "#14212B"
PAPER: Final = "#FBFAF7"
MIST: Final = "#EEF1EF"
LINE: Final = "#D9DFDC"
STEPPE: Final = "#0F766E"
QUIET: Final = "#4B5A63"
SANS: Final = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Noto Sans',Ubuntu,Arial,sans-serif"

_TABLE: Final = 'role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"'

_DARK: Final = (
    "@media (prefers-color-scheme:dark){"
    ".t-page{background:#10191F!important}.t-card{background:#16222A!important;border-color:#2B3A44!important}"
    ".t-body,.t-body p,.t-body li,.t-body td,.t-body h1,.t-body h2,.t-body h3{color:#E8EDEA!important}"
    ".t-quiet,.t-quiet a{color:#A9B6BD!important}.t-body a{color:#5FC7BC!important}"
    ".t-button,.t-button a{background:#5FC7BC!important;color:#10191F!important}}"
    "@media (max-width:480px){.t-body{padding:24px 20px!important}}"
)


def document(body: str, *, locale: str, title: str = "") -> str:
    """Wrap a fragment of HTML into a whole document without any look of its own."""
    return (
        f'<!doctype html><html lang="{escape(locale)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title></head><body>{body}</body></html>"
    )


def layout(body: str, *, locale: str, shop: str, shop_url: str) -> str:
    """Set a body (HTML made of Markdown) into the layout: the shop's name above, the text on a card."""
    name = escape(shop)
    head = f'<a href="{escape(shop_url)}" style="color:{INK};text-decoration:none">{name}</a>' if shop_url else name
    look = f"padding:32px;background:{PAPER};border:1px solid {LINE};border-radius:8px"
    text = f"font:16px/24px {SANS};color:{INK};word-break:break-word"
    return (
        f'<!doctype html><html lang="{escape(locale)}" xmlns="http://www.w3.org/1999/xhtml">'
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{name}</title><style>{_DARK}</style></head>"
        f'<body class="t-page" style="margin:0;padding:0;background:{MIST};-webkit-text-size-adjust:100%">'
        f'<table {_TABLE} class="t-page" style="background:{MIST}"><tr><td align="center" style="padding:24px 8px 0">'
        f"<!--[if mso]><table {_TABLE.replace('100%', '600')}><tr><td><![endif]-->"
        f'<table {_TABLE} style="max-width:600px">'
        f'<tr><td class="t-body" style="padding:8px 32px 16px;font:600 16px/24px {SANS};color:{INK}">{head}</td></tr>'
        f'<tr><td class="t-card t-body" style="{look};{text}">{body}</td></tr></table>'
        "<!--[if mso]></td></tr></table><![endif]-->"
        "</td></tr></table></body></html>"
    )


def preheader(spare: int = 80) -> str:
    """The hidden first line, with filling behind it so that mail boxes do not go on with the text.

    Its colour is that of any text: `color:transparent` hides nothing that is not hidden already, and SpamAssassin takes it for
    white on white (HTML_FONT_LOW_CONTRAST).
    """
    filling = "&#847;&zwnj;&nbsp;" * spare
    return (
        '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all;font-size:1px;'
        f'line-height:1px">{{% tamshy_preheader %}}{filling}</div>'
    )


def footer(*, locale: str, shop: str) -> tuple[str, str]:
    """The way out of a marketing mail that has none of its own, as Liquid: (HTML, plain text)."""
    say = words(locale)
    reason = say.reason.format(shop=shop)
    look = f"padding:24px 24px 32px;font:13px/20px {SANS};color:{QUIET}"
    link = f'style="color:{QUIET};text-decoration:underline"'
    html = (
        f'<table {_TABLE}><tr><td class="t-quiet" align="center" style="{look}">{escape(reason)}<br>'
        f'<a href="{{{{ unsubscribe_url }}}}" {link}>{escape(say.unsubscribe)}</a> &nbsp;·&nbsp; '
        f'<a href="{{{{ preferences_url }}}}" {link}>{escape(say.preferences)}</a></td></tr></table>'
    )
    ways = f"{say.unsubscribe}: {{{{ unsubscribe_url }}}}\n{say.preferences}: {{{{ preferences_url }}}}"
    return html, f"\n\n--\n{reason}\n{ways}\n"
