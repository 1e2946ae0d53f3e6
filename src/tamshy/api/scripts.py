"""The page script, and Segment's browser library, served from the shop's own host: no page has to ask anybody else's.

The page script is ours, served as it lies here (ADR 96). Segment's files are those of the npm package, unchanged; where they
lie is the composition root's to say (ADR 60).
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse

from tamshy.api.crossing import allowed, preflight
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_METHODS: Final = "GET, HEAD, OPTIONS"
_LIBRARY: Final = "standalone.js"
_BUNDLE: Final = re.compile(r"[A-Za-z0-9-]{1,60}\.bundle\.[0-9a-f]{1,40}\.js")
_AN_HOUR: Final = "public, max-age=3600"
# Its address never changes: a day is how long a mended one may take to reach every page, and an old one does meanwhile.
_A_DAY: Final = "public, max-age=86400, stale-while-revalidate=604800, stale-if-error=2592000"
# A bundle's name holds a hash of what is in it.
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def page_script(request: HttpRequest) -> HttpResponse:
    """Answer `GET /tamshy.js`: needs no database, and is the same for everybody."""
    return _answered(request, _of_ours, _A_DAY)


def segment_library(request: HttpRequest, key: str) -> HttpResponse:  # noqa: ARG001 - the path's own shape
    """Answer `GET /analytics.js/v1/KEY/analytics.min.js`.

    The same for every key, known or not, so that it needs no database: a page that was opened while there is none
    keeps its calls and sends them later.
    """
    return _answered(request, lambda packed: _of_segment(_LIBRARY, packed=packed), _AN_HOUR)


def segment_bundle(request: HttpRequest, name: str) -> HttpResponse:
    """Answer `GET /analytics-next/bundles/NAME`: a part that the library fetches when it needs it."""
    return _answered(request, lambda packed: _of_segment(name, packed=packed), _FOR_EVER)


def _answered(request: HttpRequest, content: Callable[[bool], tuple[bytes, bool]], cache: str) -> HttpResponse:
    if request.method == "OPTIONS":
        return preflight(request, _METHODS)
    if request.method not in {"GET", "HEAD"}:
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", "scripts are asked for by GET").response()
    try:
        response = _script(request, content, cache)
    except Problem as problem:
        response = problem.response()
    # Pages that let in nothing of other hosts unless it says so (COEP) may load it.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return allowed(request, response, _METHODS)


def _script(request: HttpRequest, content: Callable[[bool], tuple[bytes, bool]], cache: str) -> HttpResponse:
    body, gzipped = content("gzip" in request.headers.get("Accept-Encoding", "").lower())
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    if tag in request.headers.get("If-None-Match", ""):
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    else:
        response = HttpResponse(body, content_type="text/javascript; charset=utf-8")
        if gzipped:
            response["Content-Encoding"] = "gzip"
    response["ETag"] = tag
    response["Cache-Control"] = cache
    response["Vary"] = "Accept-Encoding"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@cache
def _of_ours(packed: bool) -> tuple[bytes, bool]:  # noqa: FBT001 - yes or no
    text = files(__package__).joinpath("page", "tamshy.js").read_bytes()
    # Without a time in it, so that every process gives the same bytes and the same tag.
    return (gzip.compress(text, 9, mtime=0), True) if packed else (text, False)


def _of_segment(name: str, *, packed: bool) -> tuple[bytes, bool]:
    file = _found(name)
    beside = file.with_name(f"{file.name}.gz")
    gzipped = packed and beside.is_file()
    return (beside if gzipped else file).read_bytes(), gzipped


def _found(name: str) -> Path:
    folders = wired().scripts
    library = next((folder / _LIBRARY for folder in folders if (folder / _LIBRARY).is_file()), None)
    if library is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no_script", wired().scripts_mend)
    if name == _LIBRARY:
        return library
    file = library.with_name(name)
    # The name is matched as a whole: no path, and nothing of the folder but what the library itself asks for.
    if not _BUNDLE.fullmatch(name) or not file.is_file():
        raise Problem(
            HTTPStatus.NOT_FOUND, "no_script", "Segment's library has no such part in the version served here"
        )
    return file
