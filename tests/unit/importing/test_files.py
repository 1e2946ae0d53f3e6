"""Files as records: encodings and delimiters found out, places to go on from, and what is broken told line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tamshy.importing.files import LONGEST_LINE, BadFile, Broken, Record, recognised, records

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.importing.files import Format

PEOPLE = [
    ["email", "имя", "город"],
    ["aia@example.com", "Әия", "Алматы"],
    ["b@example.com", "a;b,c\td", 'a "quoted"\nname'],
]
CYRILLIC = [["email", "имя"], ["aia@example.com", "Айя"], ["b@example.com", "Жанна; Ёлка"]]


def table(rows: list[list[str]], delimiter: str) -> str:
    def cell(text: str) -> str:
        doubled = text.replace('"', '""')
        return f'"{doubled}"' if any(sign in text for sign in ';,\t"\n') else text

    return "\r\n".join(delimiter.join(cell(one) for one in row) for row in rows) + "\r\n"


def written(folder: Path, content: bytes) -> tuple[Path, Format]:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path, recognised(path)


def all_of(path: Path, form: Format) -> list[Record]:
    return list(records(path, form, form.start, form.first_line))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("encoding", "bom", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
    ],
)
def test_encoding_and_delimiter_are_found_out(
    tmp_path: Path, delimiter: str, encoding: str, bom: bytes, found: str
) -> None:
    path, form = written(tmp_path, bom + table(PEOPLE, delimiter).encode(encoding))
    assert (form.encoding, form.form, form.delimiter, list(form.header)) == (found, "csv", delimiter, PEOPLE[0])
    assert [record.content for record in all_of(path, form)] == PEOPLE[1:]
    assert [(record.line, record.next_line) for record in all_of(path, form)] == [(2, 3), (3, 5)]


def test_windows_1251_is_what_is_not_utf_8(tmp_path: Path) -> None:
    path, form = written(tmp_path, table(CYRILLIC, ";").encode("windows-1251"))
    assert (form.encoding, form.delimiter, list(form.header)) == ("windows-1251", ";", CYRILLIC[0])
    assert [record.content for record in all_of(path, form)] == CYRILLIC[1:]


def test_a_broken_line_in_utf_8_is_refused_and_the_others_keep_their_letters(tmp_path: Path) -> None:
    good = "".join(f"p{n}@example.com,Әия\n" for n in range(20)).encode()
    path, form = written(tmp_path, b"email,name\n" + good + b"x@example.com,\xc0\xff\n" + b"y@example.com,\xd0\xaf\n")
    found = all_of(path, form)
    assert form.encoding == "utf-8"
    assert [record.line for record in found if isinstance(record.content, Broken)] == [22]
    assert found[-1].content == ["y@example.com", "Я"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "windows-1251"])
def test_reading_goes_on_behind_every_record(tmp_path: Path, encoding: str) -> None:
    rows = [["email", "имя"], *([f"p{n}@example.com", "Ёж\nвторой"] for n in range(50))]
    path, form = written(tmp_path, table(rows, ";").encode(encoding))
    whole = all_of(path, form)
    assert len(whole) == 50
    for place, record in enumerate(whole):
        assert list(records(path, form, record.place, record.next_line)) == whole[place + 1 :]


def test_a_quote_that_is_not_closed_costs_its_line_alone(tmp_path: Path) -> None:
    text = 'email,name\na@example.com,"open\n' + "".join(f"p{n}@example.com,x\n" for n in range(10_000))
    path, form = written(tmp_path, text.encode())
    found = all_of(path, form)
    assert [record.line for record in found] == list(range(2, 10_003))
    assert isinstance(found[0].content, Broken)
    assert str(found[0].content).startswith('a quote (") that is opened in this line is not closed')
    assert [record.content for record in found[1:3]] == [["p0@example.com", "x"], ["p1@example.com", "x"]]


def test_text_behind_a_closing_quote_costs_its_line_alone(tmp_path: Path) -> None:
    path, form = written(tmp_path, b'email,name\na@example.com,"x"y\nb@example.com,z\n')
    found = all_of(path, form)
    assert [isinstance(record.content, Broken) for record in found] == [True, False]


def test_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    path, form = written(tmp_path, b"email\n" + b"x" * (LONGEST_LINE * 2 + 7) + b"\nb@example.com\n\n\nc@example.com")
    found = all_of(path, form)
    assert [record.line for record in found] == [2, 3, 6]
    assert isinstance(found[0].content, Broken)
    assert [record.content for record in found[1:]] == [["b@example.com"], ["c@example.com"]]


def test_json_lines_are_known_by_their_first_line(tmp_path: Path) -> None:
    path, form = written(tmp_path, b'\n{"email":"a@example.com"}\n[1]\n{"x":NaN}\n\n{"email":"b@example.com"}')
    found = all_of(path, form)
    assert form.form == "jsonl"
    assert [record.line for record in found] == [2, 3, 4, 6]
    assert found[0].content == {"email": "a@example.com"}
    assert [str(record.content) for record in found[1:3]] == [
        "a line is one JSON object",
        "JSON knows no NaN; leave the property out, or send null",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"\n\n", "cannot be read"), (b",,\n", "is no header"), (b'"open\n', "is no header")],
)
def test_a_file_that_is_nothing_is_refused_as_a_whole(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        written(tmp_path, content)


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        recognised(tmp_path / "nothing.csv")
