"""What flows have brought: sends, opens, clicks, conversions and their worth, the difference to the held out, experiments.

Reads ``enrollment``, ``message``, ``event``, ``conversion``, ``arm`` and ``look``; changes nothing. What an interval claims is in
``docs/explanation/experiments.md``.
"""

from __future__ import annotations

from tamshy.report.facts import Difference, FlowReport, Mail, Outcome, Trial
from tamshy.report.gathering import report
from tamshy.report.plain import as_data
from tamshy.report.words import lines

__all__ = ["Difference", "FlowReport", "Mail", "Outcome", "Trial", "as_data", "lines", "report"]
