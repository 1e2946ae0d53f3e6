"""SQL draws the same arms as ``domain/arm.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.domain.arm import arm_of

if TYPE_CHECKING:
    from tamshy import sqlkit

DRAWN = """
select array_agg(drawn.arm order by d.n)
from unnest(%(dies)s::text[]) with ordinality d(die, n)
cross join lateral (
    select a.arm
    from unnest(%(arms)s::text[], %(weights)s::float8[]) a(arm, weight)
    where a.weight > 0
    order by -ln(
        (('x' || left(md5(concat(%(seed)s::text, ':split:', %(experiment)s::text, ':', a.arm, ':', d.die)), 13))::bit(52)::bigint
         + 0.5::float8) / 4503599627370496
    ) / a.weight, a.arm collate "C"
    limit 1
) drawn
"""


def test_sql_draws_the_same_arms(db: sqlkit.Connection) -> None:
    dies = [f"user_id:u{number}" for number in range(2000)] + ["email:ая@example.com", "anonymous_id:a:b|c"]
    weights = {"A": 50.0, "b": 0.3, "с": 12.5, "never": 0.0, "E": 20.0}
    for seed in (0, 7):
        row = db.execute(
            DRAWN,
            {
                "dies": dies,
                "arms": list(weights),
                "weights": list(weights.values()),
                "seed": seed,
                "experiment": "subject",
            },
        ).fetchone()
        assert row is not None
        assert row[0] == [arm_of(die, "subject", weights, seed) for die in dies]
