"""The words of the recipients' pages, each language as its own text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tamshy.language.locales import choose_locale


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `{topic}`, `{shop}` and `{address}` stand for what `with_names` fills in."""

    locale: str
    for_address: str
    unsubscribe_title: str
    unsubscribe_ask: str
    unsubscribe_button: str
    unsubscribe_keep: str
    done_title: str
    done_text: str
    preferences_title: str
    preferences_text: str
    preferences_link: str
    preferences_save: str
    preferences_none: str
    preferences_saved: str
    no_topics: str
    to_shop: str
    unknown_title: str
    unknown_text: str
    later_title: str
    later_text: str
    mail_title: str
    confirm_title: str
    confirm_ask: str
    confirm_button: str
    confirm_keep: str
    confirmed_title: str
    confirmed_text: str


_EN: Final = Words(
    locale="en",
    for_address="For {address}",
    unsubscribe_title="Unsubscribe",
    unsubscribe_ask="Stop getting “{topic}” e-mails from {shop}?",
    unsubscribe_button="Unsubscribe",
    unsubscribe_keep="Nothing changes until you press the button.",
    done_title="You are unsubscribed",
    done_text="{shop} will send you no more “{topic}” e-mails.",
    preferences_title="What may we write to you about?",
    preferences_text="Tick what you would like to get from {shop}. Order confirmations come in any case.",
    preferences_link="Choose what you get",
    preferences_save="Save",
    preferences_none="Unsubscribe from everything",
    preferences_saved="Saved. This holds from now on.",
    no_topics="There is nothing to choose from at the moment.",
    to_shop="Go to the shop",
    unknown_title="This link leads nowhere",
    unknown_text="It may have been cut off on its way. Please open it from the e-mail once more, or copy all of it.",
    later_title="Please try again in a moment",
    later_text="The page cannot be shown just now. Nothing was changed.",
    mail_title="E-mail from {shop}",
    confirm_title="One more click",
    confirm_ask="Would you like to get “{topic}” e-mails from {shop}?",
    confirm_button="Yes, please",
    confirm_keep="If you did not ask for this, just close this page. You will get nothing.",
    confirmed_title="You are signed up",
    confirmed_text="{shop} will send you “{topic}” e-mails. Every one of them has a link to unsubscribe.",
)
_RU: Final = Words(
    locale="ru",
    for_address="Для адреса {address}",
    unsubscribe_title="Отписка от рассылки",
    unsubscribe_ask="Больше не присылать вам письма «{topic}» от {shop}?",
    unsubscribe_button="Отписаться",
    unsubscribe_keep="Пока вы не нажали кнопку, ничего не меняется.",
    done_title="Вы отписаны",
    done_text="{shop} больше не будет присылать вам письма «{topic}».",
    preferences_title="О чём вам писать?",
    preferences_text="Отметьте, что вы хотите получать от {shop}. Письма о заказах приходят в любом случае.",
    preferences_link="Настроить рассылки",
    preferences_save="Сохранить",
    preferences_none="Отписаться от всего",
    preferences_saved="Сохранено. Настройки уже действуют.",
    no_topics="Сейчас выбирать не из чего.",
    to_shop="Перейти в магазин",
    unknown_title="Ссылка никуда не ведёт",
    unknown_text="Возможно, она скопировалась не полностью. Откройте её из письма ещё раз или скопируйте целиком.",
    later_title="Попробуйте ещё раз чуть позже",
    later_text="Сейчас страницу показать не получается. Ничего не изменилось.",
    mail_title="Письмо от {shop}",
    confirm_title="Остался один шаг",
    confirm_ask="Присылать вам письма «{topic}» от {shop}?",
    confirm_button="Да, присылайте",
    confirm_keep="Если вы об этом не просили, просто закройте страницу. Писем не будет.",
    confirmed_title="Вы подписаны",
    confirmed_text="{shop} будет присылать вам письма «{topic}». В каждом есть ссылка для отписки.",
)
_KK: Final = Words(
    locale="kk",
    for_address="{address} мекенжайы үшін",
    unsubscribe_title="Жазылымнан бас тарту",
    unsubscribe_ask="{shop} дүкенінен «{topic}» хаттарын алуды тоқтатқыңыз келе ме?",
    unsubscribe_button="Жазылымнан бас тарту",
    unsubscribe_keep="Түймені баспайынша, ештеңе өзгермейді.",
    done_title="Жазылымнан бас тарттыңыз",
    done_text="{shop} сізге «{topic}» хаттарын енді жібермейді.",
    preferences_title="Сізге не туралы жазайық?",
    preferences_text="{shop} дүкенінен алғыңыз келетін хаттарды белгілеңіз. Тапсырыс туралы хаттар бәрібір келеді.",
    preferences_link="Хаттарды таңдау",
    preferences_save="Сақтау",
    preferences_none="Барлығынан бас тарту",
    preferences_saved="Сақталды. Таңдауыңыз қазірден бастап күшінде.",
    no_topics="Қазір таңдайтын ештеңе жоқ.",
    to_shop="Дүкенге өту",
    unknown_title="Бұл сілтеме ешқайда апармайды",
    unknown_text="Сілтеме толық көшірілмеген болуы мүмкін. Оны хаттан қайта ашыңыз немесе толық көшіріңіз.",
    later_title="Сәлден соң қайталап көріңіз",
    later_text="Қазір бетті көрсету мүмкін болмай тұр. Ештеңе өзгерген жоқ.",
    mail_title="{shop} дүкенінен хат",
    confirm_title="Бір ғана қадам қалды",
    confirm_ask="{shop} дүкенінен «{topic}» хаттарын алғыңыз келе ме?",
    confirm_button="Иә, жіберіңіз",
    confirm_keep="Бұны сұрамаған болсаңыз, бетті жаба салыңыз. Ешқандай хат келмейді.",
    confirmed_title="Жазылдыңыз",
    confirmed_text="{shop} сізге «{topic}» хаттарын жібереді. Әр хатта бас тарту сілтемесі бар.",
)
_ID: Final = Words(
    locale="id",
    for_address="Untuk {address}",
    unsubscribe_title="Berhenti berlangganan",
    unsubscribe_ask="Berhenti menerima email “{topic}” dari {shop}?",
    unsubscribe_button="Berhenti berlangganan",
    unsubscribe_keep="Tidak ada yang berubah sebelum Anda menekan tombol ini.",
    done_title="Anda sudah berhenti berlangganan",
    done_text="{shop} tidak akan lagi mengirimi Anda email “{topic}”.",
    preferences_title="Email apa yang ingin Anda terima?",
    preferences_text="Centang yang ingin Anda terima dari {shop}. Email tentang pesanan tetap kami kirimkan.",
    preferences_link="Atur langganan Anda",
    preferences_save="Simpan",
    preferences_none="Berhenti dari semuanya",
    preferences_saved="Tersimpan. Pilihan Anda berlaku mulai sekarang.",
    no_topics="Saat ini belum ada yang bisa dipilih.",
    to_shop="Buka toko",
    unknown_title="Tautan ini tidak mengarah ke mana pun",
    unknown_text="Mungkin tautannya terpotong. Buka lagi dari email, atau salin seluruhnya.",
    later_title="Silakan coba lagi sebentar lagi",
    later_text="Halaman ini belum bisa ditampilkan. Tidak ada yang berubah.",
    mail_title="Email dari {shop}",
    confirm_title="Tinggal satu langkah",
    confirm_ask="Apakah Anda ingin menerima email “{topic}” dari {shop}?",
    confirm_button="Ya, kirimkan",
    confirm_keep="Jika Anda tidak memintanya, tutup saja halaman ini. Anda tidak akan menerima apa pun.",
    confirmed_title="Anda sudah terdaftar",
    confirmed_text="{shop} akan mengirimi Anda email “{topic}”. Setiap email berisi tautan untuk berhenti.",
)
LANGUAGES: Final = {words.locale: words for words in (_EN, _RU, _KK, _ID)}


def words_for(locale: str) -> Words:
    """Give the words for a reader: their locale, its language, else English."""
    return LANGUAGES[choose_locale(locale, LANGUAGES, "en") or "en"]


def words_accepted(header: str) -> Words:
    """Give the words for a browser's `Accept-Language`, for pages that know nobody."""
    for wanted in header.split(","):
        language = wanted.partition(";")[0].strip().lower().partition("-")[0]
        if language in LANGUAGES:
            return LANGUAGES[language]
    return _EN


def with_names(text: str, *, shop: str = "", topic: str = "", address: str = "") -> str:
    """Put the names of the shop and the topic, and an address, into a text; plain text, not yet escaped."""
    names = {"{shop}": shop, "{topic}": topic, "{address}": address}
    # In one go: a shop may be called "{topic}".
    return re.sub(r"\{(?:shop|topic|address)\}", lambda found: names[found[0]], text)


def masked(address: str | None) -> str:
    """Give an address as its owner knows it again and nobody else learns it; empty where there is none.

    These pages are opened by links, and links are passed on.
    """
    name, at, domain = (address or "").rpartition("@")
    return f"{name[:1]}•••{at}{domain}" if at else ""
