"""The worker's twin: the same passes on an empty schema and a virtual clock, sending nothing.

Reads a workspace folder and a history; leaves the journal of what would have happened, as lines.
"""

from __future__ import annotations

from tamshy.simulate.lines import journal_lines, moment_text
from tamshy.simulate.playing import Play, open_stage, play

__all__ = ["Play", "journal_lines", "moment_text", "open_stage", "play"]
