"""Tamshy: lifecycle e-mail for online shops, on your own machine.

An event comes in, people stand at steps, a set of them moves on, a message is decided, rendered and handed over, and
what comes of it flows back as events. Each of those verbs is a folder of this package; `docs/explanation` tells the way.
"""

from __future__ import annotations

__version__ = "0.1.0.dev0"
