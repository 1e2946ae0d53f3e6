"""What the demo's storefront says, in its four languages; a visitor from elsewhere reads English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "claim": "Things for tea and home, made by hand in Kazakhstan",
        "add": "Put into the basket",
        "basket": "Basket",
        "empty": "The basket is empty.",
        "total": "Total",
        "checkout": "To the checkout",
        "name": "First name",
        "email": "E-mail",
        "offers": "Remind me of what I left, and tell me about offers",
        "news": "Write to me when there is something new",
        "continue": "Continue",
        "order": "Place the order",
        "thanks": "Thank you, the order is with us.",
        "sign_up": "News from the workshops",
        "join": "Sign up",
        "joined": "You are signed up.",
        "shelf": "Back to the shelf",
        "story": "See what Tamshy does about it",
        "failed": "That did not work. Try once more.",
        "hint": "You are a shopper of this demo. Look at something twice, fill a basket, leave your "
        "address at the checkout, and go: two hours of the shop's time later a reminder is in the"
        " inbox.",
    },
    "ru": {
        "claim": "Вещи для чая и дома, сделанные вручную в Казахстане",
        "add": "Положить в корзину",
        "basket": "Корзина",
        "empty": "Корзина пуста.",
        "total": "Итого",
        "checkout": "Оформить заказ",
        "name": "Имя",
        "email": "Эл. почта",
        "offers": "Напоминать о том, что я оставил(а), и сообщать о предложениях",
        "news": "Писать мне, когда появится что-то новое",
        "continue": "Продолжить",
        "order": "Заказать",
        "thanks": "Спасибо, заказ у нас.",
        "sign_up": "Новости мастерских",
        "join": "Подписаться",
        "joined": "Вы подписаны.",
        "shelf": "К товарам",
        "story": "Посмотреть, что делает Tamshy",
        "failed": "Не получилось. Попробуйте ещё раз.",
        "hint": "Вы покупатель в этом демо. Посмотрите на вещь дважды, положите что-нибудь в корзину, "
        "оставьте адрес и уходите: через два часа по времени магазина во «Входящих» появится "
        "напоминание.",
    },
    "kk": {
        "claim": "Шай мен үйге арналған, Қазақстанда қолдан жасалған бұйымдар",
        "add": "Себетке салу",
        "basket": "Себет",
        "empty": "Себет бос.",
        "total": "Барлығы",
        "checkout": "Тапсырысты рәсімдеу",
        "name": "Атыңыз",
        "email": "Эл. пошта",
        "offers": "Қалдырған бұйымдарымды еске салыңыз және ұсыныстарды хабарлаңыз",
        "news": "Жаңа бұйым шыққанда хат жазыңыз",
        "continue": "Жалғастыру",
        "order": "Тапсырыс беру",
        "thanks": "Рақмет, тапсырысыңызды алдық.",
        "sign_up": "Шеберхана жаңалықтары",
        "join": "Жазылу",
        "joined": "Сіз жазылдыңыз.",
        "shelf": "Бұйымдарға оралу",
        "story": "Tamshy не істеп жатқанын көру",
        "failed": "Болмай қалды. Тағы бір рет көріңіз.",
        "hint": "Сіз осы демоның сатып алушысысыз. Бір бұйымды екі рет қараңыз, себетке бірдеңе салыңыз, "
        "мекенжайыңызды қалдырып, кетіп қалыңыз: дүкен уақытымен екі сағаттан кейін кіріс "
        "жәшігінде еске салу хаты пайда болады.",
    },
    "id": {
        "claim": "Barang untuk minum teh dan rumah, buatan tangan dari Kazakhstan",
        "add": "Masukkan ke keranjang",
        "basket": "Keranjang",
        "empty": "Keranjang masih kosong.",
        "total": "Total",
        "checkout": "Lanjut ke pembayaran",
        "name": "Nama depan",
        "email": "Email",
        "offers": "Ingatkan saya tentang barang yang tertinggal, dan kabari saya soal penawaran",
        "news": "Kabari saya bila ada yang baru",
        "continue": "Lanjutkan",
        "order": "Pesan sekarang",
        "thanks": "Terima kasih, pesanan Anda sudah kami terima.",
        "sign_up": "Kabar dari bengkel",
        "join": "Daftar",
        "joined": "Anda sudah terdaftar.",
        "shelf": "Kembali ke rak",
        "story": "Lihat apa yang dilakukan Tamshy",
        "failed": "Belum berhasil. Silakan coba lagi.",
        "hint": "Anda adalah pembeli dalam demo ini. Lihat satu barang dua kali, isi keranjang, "
        "tinggalkan alamat email, lalu pergi: dua jam kemudian menurut waktu toko, pengingat "
        "muncul di kotak masuk.",
    },
}
