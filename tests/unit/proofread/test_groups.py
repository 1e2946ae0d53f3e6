"""A group of buyers that there is not is remarked on, wherever it is named."""

from __future__ import annotations

from tamshy.language import read_workspace
from tamshy.proofread import unknown_groups

GROUPS = "champion, loyal, potential_loyalist, new, promising, needs_attention, about_to_sleep, at_risk, cannot_lose, hibernating"


def remarks(**files: str) -> list[str]:
    given = {f"{kind}s/x.yaml": f"{text}\n" for kind, text in files.items()}
    workspace, problems = read_workspace({"tamshy.yaml": "name: S\n"} | given)
    assert problems == []
    return [str(each) for each in unknown_groups(workspace)]


def test_a_name_that_is_no_group_is_remarked_on_once() -> None:
    assert remarks(
        segment="where: {any: [{rfm.segment: [champions, loyal]}, {rfm.segment: champions}]}",
        flow="trigger: {event: E}\nsteps: [{branch: [{if: {rfm.segment: {ne: gold}}, steps: [{exit: a}]}]}]",
    ) == [
        f"flows/x.yaml:1:1: warning: `rfm.segment` is never 'gold'; the groups are {GROUPS}",
        f"segments/x.yaml:1:1: warning: `rfm.segment` is never 'champions'; the groups are {GROUPS}",
    ]


def test_of_groups_that_there_are_and_of_other_tests_nothing_is_said() -> None:
    assert (
        remarks(
            segment="where: [{rfm.segment: {in: [new, at_risk], starts_with: x}}, {rfm.score: 555}, {profile.a: gold}]"
        )
        == []
    )
