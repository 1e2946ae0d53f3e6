"""The few words that mails bring along themselves, in the languages that Tamshy speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """``reason`` has a place for the shop's name."""

    reason: str
    unsubscribe: str
    preferences: str


_ENGLISH: Final = Words(
    "You get this mail because you are subscribed to news from {shop}.", "Unsubscribe", "Choose what you get"
)
_WORDS: Final = {
    "en": _ENGLISH,
    "ru": Words("Вы получили это письмо, потому что подписаны на рассылку {shop}.", "Отписаться", "Настроить рассылку"),
    "kk": Words("Бұл хат сізге {shop} жаңалықтарына жазылғандықтан келді.", "Жазылымнан бас тарту", "Жазылымды баптау"),
    "id": Words(
        "Anda menerima email ini karena berlangganan kabar dari {shop}.", "Berhenti berlangganan", "Atur langganan"
    ),
}


def words(locale: str) -> Words:
    """The words for a locale, by its language; English where we have none."""
    return _WORDS.get(locale.replace("_", "-").partition("-")[0].lower(), _ENGLISH)
