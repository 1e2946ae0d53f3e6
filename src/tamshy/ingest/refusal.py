"""Why a call is not taken in: each reason a word for machines and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalReason(StrEnum):
    """Why one item was refused while its neighbours were kept."""

    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    NO_ID = "no_id"
    ID_TOO_LONG = "id_too_long"
    WRONG_TYPE = "wrong_type"
    MISSING = "missing"
    NAME_TOO_LONG = "name_too_long"
    BAD_TIMESTAMP = "bad_timestamp"
    NUL = "nul"
    LONE_SURROGATE = "lone_surrogate"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_TOO_LARGE = "number_too_large"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOO_MANY_PROPERTIES = "too_many_properties"
    TOO_MANY_MARKS = "too_many_marks"


class BodyReason(StrEnum):
    """Why a whole request was refused."""

    TOO_LARGE = "body_too_large"
    BROKEN_GZIP = "broken_gzip"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_BATCH = "no_batch"
    TOO_MANY_ITEMS = "too_many_items"
    TOO_COMPLEX = "too_complex"


class Refused(Exception):
    """One item cannot be taken in; `str()` says where and what would be right."""

    def __init__(self, reason: RefusalReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class BodyRefused(Exception):
    """Nothing of a request can be taken in; `str()` says what would be right."""

    def __init__(self, reason: BodyReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def unless_refused(item: object) -> object:
    """An item of a body, as it was parsed.

    Raises:
        Refused: it was refused when it was parsed. Not the same instance: what a body keeps, raised, would hold the frames that
            hold the body, of 4 MB at most, until garbage is looked for.
    """
    if isinstance(item, Refused):
        raise Refused(item.reason, str(item))
    return item


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused item: its place in the batch (0 for a single call), the reason, and the sentence."""

    index: int
    reason: RefusalReason
    text: str
