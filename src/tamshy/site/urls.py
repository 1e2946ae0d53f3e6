"""All addresses: what programs call, what recipients touch, and the page that shows what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.staticfiles.views import serve
from django.urls import include, path
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from django.http import FileResponse, HttpRequest, HttpResponse


@require_safe
def static(request: HttpRequest, path: str) -> HttpResponse | FileResponse:
    """Serve a file that comes with the program."""
    response = serve(request, path, insecure=True)
    response["Cache-Control"] = "public, max-age=300"
    response["X-Content-Type-Options"] = "nosniff"
    return response


urlpatterns = [
    path("", include("tamshy.api.urls")),
    path("", include("tamshy.public.urls")),
    path("static/<path:path>", static),
    path("", include("tamshy.panel.urls")),
]
