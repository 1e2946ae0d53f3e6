"""The web server's way in: one process, wired when it is loaded."""

from __future__ import annotations

import multiprocessing
import os

import django
from django.core.wsgi import get_wsgi_application

from tamshy.site.composition import parts, wire_web
from tamshy.site.configuration import read_configuration
from tamshy.site.logs import to_stderr
from tamshy.site.processes import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
to_stderr("web")
_STARTED_BY = multiprocessing.parent_process()
if _STARTED_BY is not None and _STARTED_BY.pid is not None:
    # Left alone it would go on answering beside its successor; its requests take milliseconds.
    follow_parent(_STARTED_BY.pid, patience_s=5)
wire_web(parts(read_configuration()))
django.setup()
application = get_wsgi_application()
