"""Rendering without a child process, for tests that are about something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.render import Letter, Outcome, RenderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamshy.render import Compiled, Job


class InThisProcess:
    """The same templates, the same code, here."""

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """Render the jobs, in order."""
        letters = {version: Letter(parts) for version, parts in compiled.items()}
        found = []
        for job in jobs:
            try:
                found.append(Outcome(id=job.id, rendered=letters[job.version].render(job)))
            except RenderError as exc:
                found.append(Outcome(id=job.id, error=str(exc)))
        return found
