"""Words that all letters share, in every language: greetings, reasons, what stands in tables and below the letter."""

from __future__ import annotations

from typing import Final

HELLO: Final = {
    "en": "Hello {{ profile.first_name }},",
    "ru": "Здравствуйте, {{ profile.first_name }}!",
    "kk": "{{ profile.first_name }}, сәлеметсіз бе!",
    "id": "Halo {{ profile.first_name }},",
}
HELP: Final = {
    "en": "Is something unclear about the choice, delivery or payment? Answer this mail: a person reads it.",
    "ru": "Есть вопрос о товаре, доставке или оплате? Просто ответьте на это письмо: его прочтёт человек.",
    "kk": "Тауар, жеткізу не төлем туралы сұрағыңыз бар ма? Осы хатқа жауап жазыңыз: оны адам оқиды.",
    "id": "Ada yang kurang jelas soal barang, pengiriman, atau pembayaran? Balas saja email ini, tim kami akan membacanya.",
}
CHOSEN: Final = {"en": "What you chose", "ru": "Ваш выбор", "kk": "Сіз таңдаған тауар", "id": "Pilihan Anda"}
TOTAL: Final = {"en": "Total", "ru": "Итого", "kk": "Барлығы", "id": "Total"}
BEFORE: Final = {"en": "before", "ru": "было", "kk": "бұрын", "id": "sebelumnya"}
CODE: Final = {"en": "Your code", "ru": "Ваш код", "kk": "Сіздің кодыңыз", "id": "Kode Anda"}
VALID: Final = {
    "en": "Valid until {}",
    "ru": "Действует до {}",
    "kk": "Соңғы күні: {}",
    "id": "Berlaku sampai {}",
}
FACTS: Final = {
    # key: (what is looked at, filter, the label in each language)
    "order": ("event.order_id", "", {"en": "Order", "ru": "Заказ", "kk": "Тапсырыс", "id": "Pesanan"}),
    "delivery": (
        "event.delivery_at",
        "date",
        {"en": "Expected on", "ru": "Ожидается", "kk": "Жеткізу күні", "id": "Perkiraan tiba"},
    ),
    "carrier": (
        "event.carrier",
        "",
        {"en": "Carrier", "ru": "Служба доставки", "kk": "Жеткізу қызметі", "id": "Kurir"},
    ),
    "tracking": (
        "event.tracking_number",
        "",
        {"en": "Tracking number", "ru": "Номер отправления", "kk": "Жөнелтілім нөмірі", "id": "Nomor resi"},
    ),
    "amount": ("event.value", "money", {"en": "Amount", "ru": "Сумма", "kk": "Сомасы", "id": "Jumlah"}),
    "refund": (
        "event.refund",
        "money",
        {"en": "Paid back", "ru": "Возврат", "kk": "Қайтарылған сома", "id": "Dana kembali"},
    ),
    "points": (
        "profile.points",
        "",
        {"en": "Your points", "ru": "Ваши баллы", "kk": "Сіздің ұпайыңыз", "id": "Poin Anda"},
    ),
    "shop_address": (
        "event.address",
        "",
        {"en": "Address", "ru": "Адрес", "kk": "Мекенжайы", "id": "Alamat"},
    ),
    "opens": (
        "event.opens_at",
        "date",
        {"en": "Opens on", "ru": "Открытие", "kk": "Ашылатын күні", "id": "Dibuka pada"},
    ),
}
PICKED: Final = {
    # what stands above products that are recommended, where there are any
    "similar": {
        "en": "These are close to what you have chosen:",
        "ru": "Вот что близко к вашему выбору:",
        "kk": "Мыналар сіз таңдаған заттарға жақын:",
        "id": "Ini yang mirip dengan pilihan Anda:",
    },
    "together": {
        "en": "Others who chose the same have added these:",
        "ru": "Те, кто выбрал то же, что и вы, добавили:",
        "kk": "Сіз таңдаған затты алғандар мыналарды да қосқан:",
        "id": "Mereka yang memilih barang yang sama juga menambahkan ini:",
    },
    "popular": {
        "en": "Chosen most often:",
        "ru": "Выбирают чаще всего:",
        "kk": "Ең жиі таңдалатындар:",
        "id": "Yang paling sering dipilih:",
    },
}
UNSUBSCRIBE: Final = {
    "en": "Unsubscribe",
    "ru": "Отписаться",
    "kk": "Хаттардан бас тарту",
    "id": "Berhenti berlangganan",
}
PREFERENCES: Final = {
    "en": "Choose what you get",
    "ru": "Выбрать темы писем",
    "kk": "Хат тақырыптарын таңдау",
    "id": "Atur pilihan email",
}
VIEW: Final = {
    "en": "Open in the browser",
    "ru": "Открыть в браузере",
    "kk": "Браузерден ашу",
    "id": "Buka di peramban",
}
WHY: Final = {
    "news": {
        "en": "You get this mail because you signed up for news from {{ shop.name }}.",
        "ru": "Вы получили это письмо, потому что подписались на новости магазина {{ shop.name }}.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінің жаңалықтарына жазылғаныңыз үшін келді.",
        "id": "Anda menerima email ini karena mendaftar untuk kabar dari {{ shop.name }}.",
    },
    "offers": {
        "en": "You get this mail because you agreed to reminders and offers from {{ shop.name }}.",
        "ru": "Вы получили это письмо, потому что согласились получать напоминания и предложения магазина {{ shop.name }}.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінің ескертулері мен ұсыныстарын алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena setuju menerima pengingat dan penawaran dari {{ shop.name }}.",
    },
    "cart": {
        "en": "You get this mail because you left a basket at {{ shop.name }} and agreed to reminders and offers.",
        "ru": "Вы получили это письмо, потому что оставили корзину в магазине {{ shop.name }} и согласились "
        "получать напоминания и предложения.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінде себет қалдырғаныңыз және ескертулерді алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena meninggalkan keranjang di {{ shop.name }} dan setuju menerima pengingat.",
    },
    "viewed": {
        "en": "You get this mail because you looked around at {{ shop.name }} and agreed to reminders and offers.",
        "ru": "Вы получили это письмо, потому что смотрели товары в магазине {{ shop.name }} и согласились "
        "получать напоминания и предложения.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінде тауар қарағаныңыз және ескертулерді алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena melihat barang di {{ shop.name }} dan setuju menerima pengingat.",
    },
    "order": {
        "en": "You get this mail because of your order at {{ shop.name }}.",
        "ru": "Вы получили это письмо в связи с заказом в магазине {{ shop.name }}.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкеніндегі тапсырысыңызға байланысты келді.",
        "id": "Anda menerima email ini terkait pesanan Anda di {{ shop.name }}.",
    },
    "bought": {
        "en": "You get this mail because you bought at {{ shop.name }} and agreed to hear from us.",
        "ru": "Вы получили это письмо, потому что покупали в магазине {{ shop.name }} и согласились получать наши письма.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінен тауар алғаныңыз және хаттарымызды алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena pernah membeli di {{ shop.name }} dan setuju menerima kabar dari kami.",
    },
    "request": {
        "en": "Somebody entered this address at {{ shop.name }}. If it was not you, do nothing: no further mail will come.",
        "ru": "Этот адрес указали на сайте магазина {{ shop.name }}. Если это были не вы, ничего не делайте: "
        "больше писем не будет.",
        "kk": "Бұл мекенжай {{ shop.name }} дүкенінің сайтында көрсетілді. Егер ол сіз болмасаңыз, ештеңе істемеңіз: "
        "басқа хат келмейді.",
        "id": "Alamat ini dimasukkan di situs {{ shop.name }}. Jika bukan oleh Anda, abaikan saja: "
        "tidak akan ada email lagi.",
    },
    "asked": {
        "en": "You get this mail because you asked {{ shop.name }} for something and agreed to hear from us.",
        "ru": "Вы получили это письмо, потому что обратились в магазин {{ shop.name }} и согласились получать наши письма.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкеніне жүгінгеніңіз және хаттарымызды алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena menghubungi {{ shop.name }} dan setuju menerima kabar dari kami.",
    },
    "account": {
        "en": "You get this mail because you have an account at {{ shop.name }} and agreed to hear from us.",
        "ru": "Вы получили это письмо, потому что у вас есть учётная запись в магазине {{ shop.name }} и вы согласились "
        "получать наши письма.",
        "kk": "Бұл хат сізге {{ shop.name }} дүкенінде тіркелгеніңіз және хаттарымызды алуға келіскеніңіз үшін келді.",
        "id": "Anda menerima email ini karena memiliki akun di {{ shop.name }} dan setuju menerima kabar dari kami.",
    },
}
PICTURES: Final = {
    # what each drawing is called by who cannot see it
    "welcome": {
        "en": "An open door with light in it",
        "ru": "Открытая дверь, за ней свет",
        "kk": "Ашық есік, ар жағында жарық",
        "id": "Pintu terbuka dengan cahaya",
    },
    "basket": {
        "en": "A basket with things in it",
        "ru": "Корзина с покупками",
        "kk": "Зат салынған себет",
        "id": "Keranjang berisi barang",
    },
    "look": {"en": "A magnifying glass", "ru": "Лупа", "kk": "Үлкейткіш әйнек", "id": "Kaca pembesar"},
    "parcel": {
        "en": "A parcel on its way",
        "ru": "Посылка в пути",
        "kk": "Жолдағы сәлемдеме",
        "id": "Paket dalam perjalanan",
    },
    "card": {"en": "A bank card", "ru": "Банковская карта", "kk": "Банк картасы", "id": "Kartu bank"},
    "thanks": {"en": "A cup of tea", "ru": "Чашка чая", "kk": "Бір кесе шай", "id": "Secangkir teh"},
    "star": {"en": "Five stars", "ru": "Пять звёзд", "kk": "Бес жұлдыз", "id": "Lima bintang"},
    "leaf": {"en": "A young plant", "ru": "Молодой росток", "kk": "Жас өскін", "id": "Tunas muda"},
    "gift": {
        "en": "A gift with a ribbon",
        "ru": "Подарок с лентой",
        "kk": "Лента байланған сыйлық",
        "id": "Kado berpita",
    },
    "clock": {"en": "A clock", "ru": "Часы", "kk": "Сағат", "id": "Jam"},
    "letter": {"en": "An open letter", "ru": "Открытое письмо", "kk": "Ашық хат", "id": "Surat terbuka"},
    "place": {
        "en": "A small shop in a street",
        "ru": "Небольшой магазин на улице",
        "kk": "Көшедегі шағын дүкен",
        "id": "Toko kecil di tepi jalan",
    },
}
