"""``repeat``: another round where there is one left and its condition holds, else on with the next step (rule 31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.advance.leaving import Beside, index_sql, leaving
from tamshy.language.model import Repeat
from tamshy.rulebook import by_number
from tamshy.rulebook.weaver import Weaver

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook, Statement


def build_repeats(book: Rulebook) -> Statement | None:
    """Count the rounds of whoever comes to a ``repeat``, from before it or from the end of a round.

    What is counted stands with the enrollment while it is inside, and goes when it leaves: a repeat inside another begins anew
    in each round of that one.
    """
    weave = Weaver(book, inside=True)
    repeats = [(place, place.node.step) for place in book.places() if isinstance(place.node.step, Repeat)]
    if not repeats:
        return None
    had, targets, rounds = [], [], []
    for place, step in repeats:
        id_ = weave.literal(step.id, "text")
        had.append((place.number, f"coalesce((x.rounds -> {id_} ->> 'n')::integer, 0)"))
        again = f"x.had < {step.times}"
        if step.condition is not None:
            again = f"{again} and {weave.condition(step.condition)}"
        body = index_sql(place.node.body)
        targets.append(
            (place.number, f"case when {again} then {body}::integer else {index_sql(place.node.next)}::integer end")
        )
        begun = f"l.rounds_before || jsonb_build_object({id_}, jsonb_build_object('n', l.had + 1, 'at', l.reached_at))"
        rounds.append((place.number, f"case when l.target = {body} then {begun} else l.rounds_before - {id_} end"))
    places = [place for place, _ in repeats]
    ways = {(place.running.version, index) for place in places for index in (place.node.next, place.node.body)}
    beside = Beside(
        found={"had": by_number("x.place", had, "0")},
        keeps={"rounds": by_number("l.left_at", rounds, "l.rounds_before")},
    )
    return leaving(book, weave, places, targets, [], ways, beside)
