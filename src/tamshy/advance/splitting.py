"""``split``: the arm of each profile, drawn once for each experiment and kept (rules 30, 32; ADR 81)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.advance.leaving import Beside, index_sql, leaving
from tamshy.language.experiments import defined
from tamshy.language.model import Split
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver

if TYPE_CHECKING:
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection


def splits_of(book: Rulebook) -> list[tuple[Place, Split]]:
    """Every ``split`` of the running flows."""
    return [(place, place.node.step) for place in book.places() if isinstance(place.node.step, Split)]


def build_splits(book: Rulebook) -> Statement | None:
    """Send everybody the way of their arm: the one that they are in already, else one that is drawn now and kept."""
    weave = Weaver(book, inside=True)
    splits = splits_of(book)
    if not splits:
        return None
    targets, arms, experiments = [], [], []
    for place, split in splits:
        ways = dict(place.node.ways)
        whens = " ".join(
            f"when {weave.literal(arm, 'text')} then {index_sql(target)}::integer" for arm, target in ways.items()
        )
        targets.append((place.number, f"case x.arm {whens} end"))
        arms.append((place.number, arm_sql(weave, book, split)))
        experiments.append((place.number, weave.literal(split.name, "text")))
    experiment = by_number("l.left_at", experiments, "null::text")
    beside = Beside(
        found={"arm": by_number("x.place", arms, "null::text")},
        keeps={"arms": f"l.arms_before || jsonb_build_object({experiment}, l.arm)"},
        carries={"experiment": experiment, "arm_drawn": "l.arm", "was_held_out": "l.held_out"},
        first=_KEPT,
    )
    places = [place for place, _ in splits]
    leads = {(place.running.version, target) for place in places for _, target in place.node.ways}
    return leaving(book, weave, places, targets, [], leads, beside)


# An arm that is no more leaves its people to the others: who is drawn anew counts from then on.
_KEPT = """, kept as (
    insert into arm (bucket, profile, experiment, arm, since, held_out)
    select %(bucket)s, profile, experiment, arm_drawn, moment, was_held_out from t
    on conflict (bucket, profile, experiment) do update
    set arm = excluded.arm, since = excluded.since, held_out = excluded.held_out
    where arm.arm <> excluded.arm
)"""


def arm_sql(weave: Weaver, book: Rulebook, split: Split) -> str:
    """The arm of ``x`` (``profile``, ``die``, ``moment``): kept from before, else drawn as ``domain/arm.py`` does.

    The weights are those of the newest look at the experiment as it is published, if that has set any.
    """
    name = weave.literal(split.name, "text")
    names = weave.literal([arm.name for arm in split.arms], "text[]")
    weights = weave.literal([float(arm.weight) for arm in split.arms], "float8[]")
    prefix = weave.literal(f"{book.seed}:split:{split.name}:", "text")
    weight, looked = "a.weight", ""
    if split.winner is not None or split.bandit:
        weight = (
            "case when k.winner is not null then (a.arm = k.winner)::integer::float8"
            " else coalesce((k.weights ->> a.arm)::float8, a.weight) end"
        )
        looked = f"""
            left join lateral (
                select k.winner, k.weights from look k
                where k.workspace = %(workspace)s and k.experiment = {name} and k.at <= x.moment
                    and k.definition = {weave.literal(defined(split), "jsonb")}
                order by k.at desc limit 1
            ) k on true"""
    return f"""coalesce((
            select r.arm from arm r
            where r.bucket = %(bucket)s and r.profile = x.profile and r.experiment = {name} and r.arm = any({names})
        ), (
            select w.arm from (
                select a.arm, {weight} as weight
                from unnest({names}, {weights}) a (arm, weight){looked}
                offset 0
            ) w
            where w.weight > 0
            order by -ln(
                (('x' || left(md5(concat({prefix}, w.arm, ':', x.die)), 13))::bit(52)::bigint + 0.5::float8) / 4503599627370496
            ) / w.weight, w.arm collate "C"
            limit 1
        ))"""


def take_arms(conn: Connection, book: Rulebook, bucket: int) -> None:
    """Give those who go in the merges of ``pair`` the arms of those who stay, drawn where those have none yet (rule 30)."""
    statement = book.statement("merged_arms", build_merged_arms)
    if statement is not None:
        statement.run(conn, {"bucket": bucket, "workspace": book.workspace})


def build_merged_arms(book: Rulebook) -> Statement | None:
    """Rewrites the arms of those who go before they are moved; what the one who stays has, stays.

    An enrollment that comes over goes on in the arm that it has gone into, and its mails say so.
    """
    weave = Weaver(book)
    first: dict[str, Split] = {}
    for _, split in splits_of(book):
        first.setdefault(split.name, split)
    if not first:
        return None
    cases = " ".join(
        f"when {weave.literal(name, 'text')} then {arm_sql(weave, book, split)}" for name, split in first.items()
    )
    sql = f"""
update arm a
set arm = t.arm
from (
    select x.loser, x.loser_bucket, x.experiment, case x.experiment {cases} end as arm
    from (
        select a.experiment, r.moment, r.survivor as profile, p.die, r.loser, r.loser_bucket
        from pair r
        join profile p on p.bucket = r.survivor_bucket and p.id = r.survivor
        join arm a on a.bucket = r.loser_bucket and a.profile = r.loser
        offset 0
    ) x
    offset 0
) t
where a.bucket = t.loser_bucket and a.profile = t.loser and a.experiment = t.experiment and t.arm is not null"""
    return Statement(sql, weave.params)
