"""Groups of buyers that nobody is ever in, because no group is called so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.buying import GROUPS
from tamshy.language import walk
from tamshy.language.model import PropertyTest, Ref, Root
from tamshy.proofread.reading import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.language.model import Flow, Segment, Test, Workspace

_GROUP: Final = Ref(Root.RFM, ("segment",))


def unknown_groups(workspace: Workspace) -> list[Remark]:
    """Remarks on what ``rfm.segment`` is compared with, each at the beginning of its flow or segment, said once."""
    rules: list[Flow | Segment] = [*workspace.flows.values(), *workspace.segments.values()]
    found = {
        Remark(part.position, f"`rfm.segment` is never {text!r}; the groups are {', '.join(GROUPS)}")
        for part in rules
        for one in walk(part)
        if isinstance(one, PropertyTest) and one.ref == _GROUP
        for text in _texts(one.test)
        if text not in GROUPS
    }
    return sorted(found)


def _texts(test: Test) -> Iterator[str]:
    for clause in test.clauses:
        operands = clause.operand if isinstance(clause.operand, tuple) else (clause.operand,)
        if clause.operator.value in {"eq", "ne", "in", "not_in"}:
            yield from (operand for operand in operands if isinstance(operand, str))
