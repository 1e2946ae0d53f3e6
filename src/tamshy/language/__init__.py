"""The flow language: the text of a workspace folder to frozen values and back, with positions, checks and differences.

Reads nothing but the texts it is handed (``read_folder`` fetches them from a disk) and leaves a ``Workspace`` and every
``Problem`` of it at once. Knows of no tables and no clock.
"""

from __future__ import annotations

from tamshy.language.broadcasts import all_flows, file_of
from tamshy.language.diff import Change, ChangeKind, describe_step, diff
from tamshy.language.durations import format_duration, parse_duration
from tamshy.language.folders import UnreadableFolder, read_folder, write_folder
from tamshy.language.liquid import check_liquid, liquid_environment
from tamshy.language.locales import choose_locale
from tamshy.language.matching import kept_steps, step_mapping
from tamshy.language.moments import parse_moment
from tamshy.language.program import Node, Program, all_steps, program
from tamshy.language.supplied import answers_requests
from tamshy.language.walking import walk
from tamshy.language.workspace import read_workspace

__all__ = [
    "Change",
    "ChangeKind",
    "Node",
    "Program",
    "UnreadableFolder",
    "all_flows",
    "all_steps",
    "answers_requests",
    "check_liquid",
    "choose_locale",
    "describe_step",
    "diff",
    "file_of",
    "format_duration",
    "kept_steps",
    "liquid_environment",
    "parse_duration",
    "parse_moment",
    "program",
    "read_folder",
    "read_workspace",
    "step_mapping",
    "walk",
    "write_folder",
]
