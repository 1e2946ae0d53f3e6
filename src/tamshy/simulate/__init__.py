"""The worker's twin: the same passes on an empty schema and a virtual clock, sending nothing.

Reads a workspace folder and a history; leaves the journal of what would have happened, as lines.
"""

from __future__ import annotations

from tamshy.simulate.lines import journal_lines, moment_text
from tamshy.simulate.playing import open_stage, play
from tamshy.simulate.working import Play

__all__ = ["Play", "journal_lines", "moment_text", "open_stage", "play"]
