"""Addresses of the page."""

from __future__ import annotations

from django.urls import path

from tamshy.panel import doubts, shop, signing, views

app_name = "panel"

urlpatterns = [
    path("", views.home, name="home"),
    path("api/live/state", views.state, name="state"),
    path("people", views.people, name="people"),
    path("people/<int:bucket>/<uuid:profile>", views.person, name="person"),
    path("mails/<int:bucket>/<uuid:profile>/<uuid:message>", views.mail, name="mail"),
    path("mails/<int:bucket>/<uuid:profile>/<uuid:message>/frame", views.frame, name="frame"),
    path("static/<path:name>", views.static, name="static"),
    path("uncertain", doubts.uncertain, name="uncertain"),
    path("uncertain/settle", doubts.settled, name="settle"),
    path("uncertain/resume", doubts.resumed, name="resume"),
    path("sign-in", signing.sign_in, name="sign-in"),
    path("sign-out", signing.sign_out, name="sign-out"),
    path("flows/<path:flow>/<int:step>", views.standing, name="standing"),
    path("shop", shop.shelf, name="shelf"),
    path("shop/join", shop.join, name="join"),
    path("shop/checkout", shop.checkout, name="basket"),
    path("shop/checkout/<str:cart>", shop.checkout, name="checkout"),
    path("shop/pictures/<slug:name>.png", shop.picture, name="picture"),
    path("shop/<slug:name>", shop.product, name="product"),
    path("shop/<path:rest>", shop.shelf),
]
