"""What is said of an installation on hold: each reason in a sentence, and the mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SENTENCES: Final = {
    "server": "this database was recorded on another PostgreSQL server: it is a copy, or was restored",
    "timeline": "the server has begun a new line of history: a stand-by was promoted, or a point in time restored",
    "place": "the server's files lie in another folder than recorded: they are a copy, or were moved",
    "database": "this is another database than the one recorded: it is a copy, or was restored",
    "table": "the tables were made anew since this was recorded: a backup was restored into this database",
    "folder": "the data folder is another than the one recorded: it is a copy, or was restored",
    "name": "TAMSHY_INSTANCE says another name than the one recorded",
    "restored": "a backup was restored into this database",
    "by_hand": "somebody put it on hold (`tamshy hold`)",
}
REASONS: Final = tuple(_SENTENCES)
"""Every reason there is."""

MEND: Final = (
    "calls are stored, nothing is decided and no mail leaves; if this is the one that shall mail, and the original does not, "
    "run `tamshy confirm`"
)


def because(reasons: Iterable[str]) -> str:
    """Say the reasons of a hold in words."""
    return "; ".join(_SENTENCES.get(reason, reason) for reason in reasons)
