"""Django's settings. Nothing here reads the environment: the composition root hands in what a setting decides."""

from __future__ import annotations

import secrets
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent

DEBUG = False
# Nothing is signed by Django (no sessions, no forms of its own); links in mails have a key of their own.
SECRET_KEY = secrets.token_hex(32)
# Shops reach us by whatever host they put in front; no address is made of the request's where a base URL is set.
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tamshy.site.urls"
WSGI_APPLICATION = "tamshy.site.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "tamshy.panel", "tamshy.public"]
MIDDLEWARE = [
    "tamshy.site.dressing.dressed",
    "tamshy.site.requests.Requests",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_PACKAGE / "panel" / "templates", _PACKAGE / "public" / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    },
]
# Every statement goes through sqlkit.
DATABASES: dict[str, dict[str, str]] = {}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
STATIC_URL = "/static/"
STATICFILES_DIRS: list[Path] = []
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
# The root logger is the command's business.
LOGGING_CONFIG = None
