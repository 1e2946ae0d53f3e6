"""Rendering: what `decide` has accepted becomes a mail, or a clean error for that message alone.

Reads messages in state `accepted` with their profile, entry and compiled version; leaves `content`, a `delivery` in state
`queued` and the message `sent`, or the message `skipped` for `render_error`. Journal and enrollment are the caller's.

Light on purpose: the child that renders imports this package, and needs neither MJML nor Markdown.
"""

from __future__ import annotations

from tamshy.render.compiled import Compiled, Job, Outcome, Rendered, RenderError
from tamshy.render.manner import Manner
from tamshy.render.rendering import Letter, evaluate, render

__all__ = ["Compiled", "Job", "Letter", "Manner", "Outcome", "RenderError", "Rendered", "evaluate", "render"]
