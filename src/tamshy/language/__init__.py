"""The flow language: the text of a workspace folder to frozen values and back, with positions, checks and differences.

Reads nothing but the texts it is handed (``read_folder`` fetches them from a disk) and leaves a ``Workspace`` and every
``Problem`` of it at once. Knows of no tables and no clock.
"""

from __future__ import annotations

from tamshy.language.durations import format_duration, parse_duration
from tamshy.language.program import Node, Program, program

__all__ = ["Node", "Program", "format_duration", "parse_duration", "program"]
