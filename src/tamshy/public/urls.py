"""The addresses in every mail; their shapes are made by `domain.token.make_links` and stay good for years."""

from __future__ import annotations

from django.urls import path

from tamshy.public import confirming, views

app_name = "public"

urlpatterns = [
    path("o/<str:token>.gif", views.opened, name="open"),
    path("c/<str:token>/<int:number>", views.clicked, name="click"),
    path("u/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("m/<str:token>", views.mail, name="view"),
    path("confirm/<str:token>", confirming.confirm, name="confirm"),
    path("prefs/<str:token>", views.preferences, name="preferences"),
]
