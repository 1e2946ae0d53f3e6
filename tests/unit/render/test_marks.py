"""Marks: out and in again without loss, and places that stay true."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tamshy.language.model import Position
from tamshy.render.marks import MARK, swap
from tamshy.render.markup import elements

PIECES = st.lists(
    st.sampled_from(
        [
            "{{ a }}", "{{- a | append: '}' -}}", "{% if a < 3 %}", "{%- endif -%}", "{% raw %}{{ x }}{% endraw %}",
            '<a href="', '">', "</a>", "text", "\n", "ә ", "&amp;", "{", "}", "%", "<", ">", "'",
        ]
    )
)  # fmt: skip


@given(PIECES)
def test_what_is_swapped_comes_back(pieces: list[str]) -> None:
    source = "".join(pieces)
    marked = swap("f", source)
    assert marked.restore(marked.text) == source
    assert len(MARK.findall(marked.text)) == len(marked.marks)


@given(PIECES)
def test_places_point_at_the_same_letters(pieces: list[str]) -> None:
    source = "".join(pieces)
    marked = swap("f", source)
    lines = source.split("\n")
    for at, letter in enumerate(marked.text):
        if letter in "<>ә" and not MARK.match(marked.text, at):
            place = marked.position_here(at)
            assert lines[place.line - 1][place.column - 1] == letter
    for mark in marked.marks:
        place = marked.position(mark.offset)
        assert "\n".join(lines[place.line - 1 :])[place.column - 1 :].startswith(mark.text)


def test_comments_are_dropped() -> None:
    marked = swap("f", "a{% comment %}<{{ b }}{% comment %}c{% endcomment %}d{% endcomment %}e\n{% # no %}{{ f }}<")
    assert marked.text == "ae\nlqx0000xz<"
    assert marked.position_here(marked.text.index("<")) == Position("f", 2, 18)


@given(st.text(alphabet="<>/=\"' \n-![]abif&;", max_size=60))
def test_any_text_can_be_looked_through(text: str) -> None:
    last = 0
    for element in elements(text):
        assert last <= element.start < element.end <= len(text)
        last = element.end
        for attribute in element.attributes:
            if attribute.value is not None:
                assert text[attribute.start : attribute.end] == attribute.value
