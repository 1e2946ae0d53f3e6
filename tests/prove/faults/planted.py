"""Bugs that are put in to see that they are found: each with seeds that find it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.prove.faults import plan
from tests.prove.faults.fragile import KILL
from tests.prove.faults.verdict import drawn

import tamshy.passes.stage as passes
from tamshy.decide import deciding, settling
from tamshy.deliver import ledger
from tamshy.enroll import listening
from tamshy.sqlkit import rows_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.prove.faults.ground import Ground
    from tests.prove.faults.verdict import Case

Patch = pytest.MonkeyPatch
# The modules, and not the functions that their packages give by the same names.
storing = sys.modules["tamshy.ingest.store"]
merging = sys.modules["tamshy.passes.merging"]


def _sql(patch: Patch, module: Any, name: str, *changes: tuple[str, str]) -> None:  # noqa: ANN401 - a module
    attribute = "_Q" if hasattr(module, "_Q") else "_SQL"
    queries = getattr(module, attribute)
    text = queries[name]
    for old, new in changes:
        assert old in text, f"{name} has changed: {old!r} is not in it"
        text = text.replace(old, new)
    patch.setattr(module, attribute, {**queries, name: text})


def no_fence(patch: Patch, _ground: Ground) -> None:
    """A pass holds its bucket whoever has it by now."""
    _sql(patch, passes, "hold_lease", ("fence = %(fence)s", "%(fence)s::bigint is not null"))


def commit_before_the_outbox(patch: Patch, _ground: Ground) -> None:
    """A decision is committed before its delivery is queued."""

    def settle(conn: Any, book: Any, bucket: int, pass_: int, results: Sequence[Any], *, keep_content: bool) -> int:  # noqa: ANN401
        settled = settling.settle(conn, book, bucket, pass_, results, keep_content=False)
        conn.commit()
        if keep_content and results:
            rows = rows_json([{name: getattr(one, name) for name in one.__slots__} for one in results])
            params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "rows": rows}
            conn.execute(queries["keep_content"], params)
            conn.execute(queries["queue_delivery"].replace("'accepted'", "'sent'"), params)
        return settled

    queries = settling._SQL
    patch.setattr(passes, "settle", settle)


KEY_OF_MESSAGE_IDS: Final = "truncate seen_message; alter table seen_message add primary key (workspace, digest)"


def no_key_of_message_ids(patch: Patch, ground: Ground) -> None:
    """Whether a messageId was seen is looked up first and written down after, and no key holds it."""
    ground.look.execute("alter table seen_message drop constraint seen_message_pkey")
    text = """
insert into seen_message (workspace, digest, seen_at)
select %(workspace)s, r.digest, r.seen_at from json_to_recordset(%(rows)s::json) as r (digest uuid, seen_at timestamptz)
where not exists (select from seen_message s where s.workspace = %(workspace)s and s.digest = r.digest)
returning replace(digest::text, '-', ''), false"""
    patch.setattr(storing, "_Q", {**storing._Q, "accept": text})


def an_order_at_the_moment_of_the_reminder(patch: Patch, _ground: Ground) -> None:
    """What is due is worked before what has come at the very moment."""
    _sql(patch, passes, "pick", ("h.moment < e.at or (h.moment = e.at and not h.emitted)", "h.moment < e.at"))


def a_cap_with_its_beginning(patch: Patch, ground: Ground) -> None:
    """The window of a cap begins a moment too early."""
    exceeded, freed = deciding._exceeded, deciding._freed
    patch.setattr(deciding, "_exceeded", lambda *given: exceeded(*given).replace("n.at > ", "n.at >= "))
    patch.setattr(deciding, "_freed", lambda *given: freed(*given).replace("m.decided_at > ", "m.decided_at >= "))
    ground.forget()


def what_comes_together_is_lost(patch: Patch, _ground: Ground) -> None:
    """A pass takes all of a moment out of the inbox, and acts on one item of it."""
    _sql(patch, passes, "drop_taken", (" and i.emitted = a.emitted\n    and i.ord = a.ord and i.id = a.id", ""))


def a_merge_before_its_turn(patch: Patch, _ground: Ground) -> None:
    """Two profiles are merged although something of the one that goes has come earlier."""
    _sql(patch, merging, "ready", ("e.bucket = o.bucket and e.profile", "false and e.profile"))


def handed_over_again(patch: Patch, _ground: Ground) -> None:
    """What a sender that died had in its hand is handed over again, as if nothing had been."""

    def orphaned(row: Any, now: Any, _options: Any) -> ledger.Mark:  # noqa: ANN401
        return ledger.Mark(row.profile, row.message, "queued", None, now, row.fence + 1, row.attempts)

    patch.setattr(ledger, "_orphaned", orphaned)


def not_withdrawn(patch: Patch, _ground: Ground) -> None:
    """What is decided and not handed over goes out although its enrollment has been ended."""
    patch.setattr(listening, "_SQL", {**listening._SQL, "withdraw": "select 1"})


@dataclass(frozen=True)
class Planted:
    """A bug, the seed from which on it is looked for, what is said of it then.

    ``often``: with these going wrong again and again, each to its hands. ``undo``: the statement that mends what is planted into
    the database itself.
    """

    plant: Callable[[Patch, Ground], None]
    seed: int
    says: str
    often: tuple[tuple[str, str], ...] = ()
    undo: str = ""

    def case(self, seed: int) -> Case:
        """The run of a seed."""
        case = drawn(seed)
        return replace(case, faults=plan.often(seed, *self.often)) if self.often else case


PLANTED: Final = {
    one.plant.__name__: one
    for one in (
        Planted(no_fence, 19, "decided by rules that had been replaced", ((plan.PAUSE, "worker"), (plan.PUBLISH, ""))),
        Planted(commit_before_the_outbox, 7, "not one delivery and one content for what was sent", ((KILL, "worker"),)),
        Planted(
            no_key_of_message_ids, 5, "got enrollment f0 refused active", ((plan.AGAIN, "web"),), KEY_OF_MESSAGE_IDS
        ),
        Planted(an_order_at_the_moment_of_the_reminder, 2, "expected enrollment f1 refused active"),
        Planted(a_cap_with_its_beginning, 9, "got message f1 m4 postponed frequency_cap"),
        Planted(what_comes_together_is_lost, 0, "expected enrollment sent entered"),
        Planted(
            a_merge_before_its_turn,
            20,
            "merged before what had come earlier",
            ((plan.PAUSE, "worker"), (KILL, "worker")),
        ),
        Planted(handed_over_again, 90, "handed over again without a word", ((KILL, "sender"),)),
        Planted(not_withdrawn, 61, "claimed although its enrollment had been ended"),
    )
}
