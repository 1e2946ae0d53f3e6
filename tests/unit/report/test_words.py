"""A report in words and as data: figures with their limits, and what is said while nothing is proven."""

from __future__ import annotations

import pytest

from tamshy.experiment import Sample, Shortfall, WinnerRule, compare, effect
from tamshy.language.model import Measure
from tamshy.report import Difference, FlowReport, Mail, Outcome, Trial, as_data, lines

MAILED, HELD_OUT = Sample.rate(120, 1000), Sample.rate(10, 110)
MONEY = Sample.values([30.0, 50.0, 20.0] * 40, 1000)


def flow(**more: object) -> FlowReport:
    given: dict[str, object] = {
        "flow": "cart",
        "people": 1110,
        "entries": 1200,
        "held_out": 110,
        "mails": (),
        "outcomes": (),
        "trials": (),
    }
    return FlowReport(**(given | more))  # type: ignore[arg-type]


def trial(why: str, shortfall: Shortfall | None = None, **more: object) -> Trial:
    arms = {"A": Sample.rate(30, 500), "B": Sample.rate(20, 510)}
    error = WinnerRule().error(2)
    given: dict[str, object] = {
        "name": "tone",
        "measure": Measure.CLICKED,
        "arms": arms,
        "leader": "A",
        "against": {"B": compare(arms["A"], arms["B"], error)},
        "winner": None,
        "why": why,
        "shortfall": shortfall,
        "detectable": None,
        "weights": None,
    }
    return Trial(**(given | more))  # type: ignore[arg-type]


def test_a_flow_and_its_mails() -> None:
    mails = (
        Mail("reminder", "reminder", 1000, Sample.rate(400, 1000), Sample.rate(80, 1000), 12, 1234.5),
        Mail("again", "reminder", 900, Sample.rate(0, 850), Sample.rate(0, 850)),
    )
    assert lines(flow(mails=mails)) == [
        "cart: 1,110 people entered (1,200 times), 110 of them held out",
        (
            "  reminder: sent 1,000, opened 40.0 % (37.0 % to 43.1 %), clicked 8.0 % (6.5 % to 9.8 %);"
            " 12 orders count for it, worth 1,234.50"
        ),
        "  again (reminder): sent 900 to 850 people, opened 0.0 % (0.0 % to 0.4 %), clicked 0.0 % (0.0 % to 0.4 %)",
    ]
    assert lines(flow(people=5, entries=5, held_out=0)) == ["cart: 5 people entered"]


def test_the_difference_to_the_held_out() -> None:
    def said(shortfall: Shortfall | None, held_out: Sample = HELD_OUT) -> list[str]:
        difference = Difference(effect(MAILED, held_out), shortfall)
        return lines(flow(outcomes=(Outcome(Measure.CONVERSION, MAILED, held_out, difference),)))[1:]

    assert said(Shortfall(20_000, 18_890, 12)) == [
        "  12.0 % (10.1 % to 14.2 %) converted of those mailed",
        "  9.1 % (5.0 % to 15.9 %) converted of those held out",
        "    the mails brought 29 (-158 to 112) more converted per 1,000 people, 32.0 % (-59.6 % to 382.7 %) more in proportion",
        "    that is not proven: not enough data yet: about 12 more days (18,890 people) for a difference of 20%",
    ]
    assert said(Shortfall(20_000, 300, 1))[-1].endswith("about 1 more day (300 people) for a difference of 20%")
    assert said(Shortfall(20_000, 300, None))[-1].endswith(
        "not enough data yet: 300 more people for a difference of 20%, and nobody comes"
    )
    assert said(Shortfall(1_000, 0, 0))[-1].endswith(
        "a difference of 20% would most likely have shown; it is smaller, or luck was bad"
    )
    assert said(None)[-1].endswith("not enough data yet, nobody has done it, or everybody has")
    assert said(None, Sample.rate(0, 1))[-1] == "    what the mails brought cannot be said yet: too little has happened"
    assert len(said(None, Sample.rate(0, 3000))) == 3


def test_without_a_holdout_there_is_no_difference() -> None:
    outcome = Outcome(Measure.REVENUE, MONEY, Sample.values([], 0), None)
    assert lines(flow(outcomes=(outcome,)))[1:] == ["  revenue 4,000.00, 4.00 (3.32 to 4.78) a person"]
    assert as_data(flow(outcomes=(outcome,)))["outcomes"] == [
        {
            "measure": "revenue",
            "mailed": {
                "people": 1000,
                "total": 4000.0,
                "per_person": {"estimate": 4.0, "low": pytest.approx(3.322209), "high": pytest.approx(4.779153)},
            },
        }
    ]


def test_an_experiment() -> None:
    head = [
        "  experiment tone, by clicked:",
        "    A: 500 people, 6.0 % (4.2 % to 8.4 %) clicked",
        "    B: 510 people, 3.9 % (2.6 % to 6.0 %) clicked",
    ]
    against = "    A against B: 53.0 % (-54.3 % to 405.9 %) more"
    few = Shortfall(40_000, 38_990, 130)
    assert lines(flow(trials=(trial("not_proven", few),)))[1:] == [
        *head,
        against,
        "    no winner yet: not enough data yet: about 130 more days (38,990 people) for a difference of 20%",
    ]
    enough = trial("not_proven", Shortfall(1000, 0, 0), detectable=0.184)
    assert lines(flow(trials=(enough,)))[-1] == "    a difference of 18% would most likely have shown by now"
    assert lines(flow(trials=(trial("proven", few, winner="A"),)))[-1] == "    the winner is A"
    bandit = trial("bandit", weights={"A": 0.95, "B": 0.05}, against={})
    assert lines(flow(trials=(bandit,)))[2:] == [
        f"{head[1]}, 95% of newcomers",
        f"{head[2]}, 5% of newcomers",
        "    a bandit has no winner: newcomers lean to what does better",
    ]
    assert lines(flow(trials=(trial("one_arm", against={}),)))[-1] == (
        "    only one arm has a weight: there is nothing to compare"
    )


def test_a_limit_that_is_not_known_is_a_question_mark_and_null() -> None:
    lonely = Outcome(Measure.REVENUE, Sample.values([], 3), Sample.values([], 0), None)
    assert lines(flow(outcomes=(lonely,)))[1] == "  revenue 0.00, 0.00 (? to ?) a person"
    data = as_data(flow(outcomes=(lonely,)))["outcomes"]
    assert data == [
        {
            "measure": "revenue",
            "mailed": {"people": 3, "total": 0.0, "per_person": {"estimate": 0.0, "low": None, "high": None}},
        }
    ]
