"""The two environments: HTML, where what is printed is escaped, and text, where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.language.recommending import RECOMMEND
from tamshy.render.filters import FILTERS
from tamshy.render.liquid import environment
from tamshy.render.picks import recommend
from tamshy.render.tracking import add_tags

if TYPE_CHECKING:
    from liquid import Environment


def _made(*, autoescape: bool) -> Environment:
    env = environment(autoescape=autoescape, filters={**FILTERS, RECOMMEND: recommend})
    add_tags(env)
    return env


HTML: Final = _made(autoescape=True)
TEXT: Final = _made(autoescape=False)
