"""The web server's way in, as granian calls it: the WSGI application behind its gateway."""

from __future__ import annotations

from tamshy.site.composition import WEB_THREADS
from tamshy.site.gateway import Gateway
from tamshy.site.wsgi import application as _wsgi

application = Gateway(_wsgi, WEB_THREADS)
