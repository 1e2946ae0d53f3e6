"""Rendering: what `decide` has accepted becomes a mail, or a clean error for that message alone.

Reads and writes no table: `decide.accepted` gives the messages with their profile and entry, `decide.settle` writes
down what became of them (`sent` with its content, or `skipped` for `render_error`).

Light on purpose: the child that renders imports this package, and needs neither MJML nor Markdown.
"""

from __future__ import annotations

from tamshy.render.compiled import Compiled, Job, Outcome, Rendered, RenderError
from tamshy.render.manner import Manner
from tamshy.render.rendering import Letter, evaluate, render

__all__ = ["Compiled", "Job", "Letter", "Manner", "Outcome", "RenderError", "Rendered", "evaluate", "render"]
