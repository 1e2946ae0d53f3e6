"""The two environments: HTML, where what is printed is escaped, and text, where it is not."""

from __future__ import annotations

from typing import Final

from tamshy.render.filters import FILTERS
from tamshy.render.liquid import environment
from tamshy.render.tracking import add_tags

HTML: Final = environment(autoescape=True, filters=FILTERS)
TEXT: Final = environment(autoescape=False, filters=FILTERS)
for _env in (HTML, TEXT):
    add_tags(_env)
