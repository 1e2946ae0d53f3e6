"""The composition root: settings in, wired parts out. What needs what is decided here and nowhere else."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tamshy import sqlkit
from tamshy.domain.token import Purpose, Signer, Subject, make_links
from tamshy.site.clock import SteadyClock, clock_from
from tamshy.site.configuration import ramp_of, secret_key, secret_keys

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from uuid import UUID

    from tamshy.deliver import HandOver, Sender
    from tamshy.errand import Errands
    from tamshy.panel.wiring import Storefront
    from tamshy.passes.rendering import Links
    from tamshy.render.children import RenderChild
    from tamshy.site.configuration import Configuration
    from tamshy.site.guarding import Guard
    from tamshy.worker import Worker

SCHEMA_FILES: Final = "tamshy.schema.sql"
DEFAULT_BASE_URL: Final = "http://127.0.0.1:8600"
WEB_CONNECTIONS: Final = 8
WEB_THREADS: Final = 16
"""Threads of one web process: more than may store calls at once, so that there is always one left to say "later"."""

SIGN_UPS: Final = 20
SIGN_UPS_WITHIN_S: Final = 600.0
"""How many sign-ups one place may send within how long: an office behind one address may, a script that fills forms may not."""

SEGMENT_LIBRARY: Final = "@segment/analytics-next"
SEGMENT_VERSION: Final = "1.84.3"
"""The version that the tests load; `package.json` has the same."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every process is put together from."""

    configuration: Configuration
    clock: SteadyClock
    signer: Signer
    dsn: str

    @property
    def base_url(self) -> str:
        """Where the outside reaches us, without a slash at the end."""
        return (self.configuration.base_url or DEFAULT_BASE_URL).rstrip("/")


def parts(configuration: Configuration, dsn: str = "") -> Parts:
    """Put together what every process needs.

    Args:
        configuration: the settings.
        dsn: the database's address where it is not `DATABASE_URL`.

    Raises:
        BadSetting: a secret key is missing or too short.
        BadClock: the clock cannot be read.
    """
    signer = Signer(secret_keys(configuration))
    return Parts(configuration, SteadyClock(clock_from(configuration.clock)), signer, dsn or configuration.database_url)


def wire_web(given: Parts) -> Callable[[], None]:
    """Hand every part of the edge what it needs; gives what closes it all again."""
    from tamshy.accounts import KeyRing, Sessions, Tries  # noqa: PLC0415 - only a web process pays for the edge
    from tamshy.api import calls, counts, gate, pace, sharing, workspaces  # noqa: PLC0415
    from tamshy.api import wiring as api  # noqa: PLC0415
    from tamshy.panel import wiring as panel  # noqa: PLC0415
    from tamshy.public import wiring as public  # noqa: PLC0415
    from tamshy.site.guarding import watch_clock  # noqa: PLC0415

    pool = sqlkit.pool(given.dsn, largest=WEB_CONNECTIONS)
    clock = given.clock
    watch_clock(pool.connection, clock)
    keys = KeyRing(pool.connection, clock.monotonic)
    sign_in = panel.SignIn(
        keys,
        Sessions(secret_key(given.configuration), keys, clock.real),
        Tries(clock.monotonic),
        given.configuration.base_url,
    )
    api.install(
        api.Wiring(
            connection=pool.connection,
            now=clock.now,
            real=clock.real,
            keys=keys,
            workspaces=workspaces.Workspaces(pool.connection, clock.monotonic),
            counts=counts.Counts(),
            admission=gate.Gate(),
            sharing=sharing.Sharing(calls.store_counted),
            signer=given.signer,
            pace=pace.Pace(clock.monotonic, SIGN_UPS, SIGN_UPS_WITHIN_S),
            links_base=given.base_url,
            base_url=given.configuration.base_url,
            instance=given.configuration.instance,
            clock_ahead=lambda: bool(clock.ahead),
            scripts=script_folders(given.configuration.data_folder),
            scripts_mend=f"Segment's library is not installed here: {_script_mend(given.configuration.data_folder)}",
            most_at_once=WEB_THREADS - 4,
        ),
    )
    public.install(public.Wiring(connection=pool.connection, now=clock.now, signer=given.signer))
    panel.install(
        panel.Wiring(
            connection=pool.connection,
            now=clock.now,
            speed=clock.speed,
            demo=bool(given.configuration.clock),
            storefront=_storefront(given),
            sign_in=sign_in,
            mail_leaves=bool(given.configuration.smtp_url),
        ),
    )
    return pool.close


def script_folders(data: Path) -> tuple[Path, ...]:
    """Give the folders in which Segment's browser library may lie: the data folder's, else those of a checkout."""
    here = Path(__file__).resolve()
    homes = [data, *(parent.parent for parent in here.parents if parent.name == "src")]
    return tuple(home / "node_modules" / SEGMENT_LIBRARY / "dist" / "umd" for home in homes)


def _script_mend(data: Path) -> str:
    return f"npm install --ignore-scripts --prefix {data.resolve()} {SEGMENT_LIBRARY}@{SEGMENT_VERSION}"


def _storefront(given: Parts) -> Storefront | None:
    """Give what the demo's storefront acts with; None outside a demo."""
    from tamshy.panel.wiring import Storefront  # noqa: PLC0415 - only a web process pays for the edge

    set_ = given.configuration
    if not (set_.clock and set_.bootstrap_write_key and set_.bootstrap_api_key):
        return None
    return Storefront(given.base_url, set_.bootstrap_write_key, set_.bootstrap_api_key)


class Linking:
    """Signs the addresses of messages for rendering; a bucket says which workspace they belong to."""

    def __init__(self, given: Parts) -> None:
        """Take the parts; workspaces are asked for when first needed."""
        self._parts = given
        self._spans: list[tuple[int, int, int]] = []

    def __call__(self, bucket: int, profile: UUID, message: UUID) -> Links:
        """Give the signed addresses of one message."""
        from tamshy.passes.rendering import Links  # noqa: PLC0415 - only a worker pays for the engine

        given = self._parts
        subject = Subject(self._workspace(bucket), bucket, profile, message)
        made = make_links(given.signer, given.base_url, subject)
        return Links(
            base=given.base_url,
            token=given.signer.token(Purpose.CLICK, subject),
            open_url=made.open_url,
            unsubscribe_url=made.unsubscribe_url,
            preferences_url=made.preferences_url,
            view_url=made.view_url,
        )

    def _workspace(self, bucket: int) -> int:
        for asked in (False, True):
            if asked:
                with sqlkit.connect(self._parts.dsn) as conn:
                    self._spans = conn.execute("select id, first_bucket, buckets from workspace").fetchall()
            for workspace, first, buckets in self._spans:
                if first <= bucket < first + buckets:
                    return workspace
        raise LookupError(f"bucket {bucket} belongs to no workspace; was one removed?")


def owner_name(pid: int) -> str:
    """Name a process so that its like elsewhere have other names."""
    return f"{socket.gethostname()}/{pid}"


def make_guard(given: Parts, *, say: bool = True) -> Guard:
    """Give what is asked before anything is worked or handed over; one for each connection."""
    from tamshy.site.guarding import Guard  # noqa: PLC0415 - only a worker pays for the engine

    return Guard(given.clock, given.configuration.instance, say=say)


def make_worker(
    given: Parts, owner: str, renderer: RenderChild, stop: threading.Event, rendered: Callable[[], None]
) -> Worker:
    """Put a worker together that works until `stop` is set; `rendered` hears of mail to hand over."""
    from tamshy.worker import Worker  # noqa: PLC0415 - only a worker pays for the engine

    clear = make_guard(given).clear

    def wait(seconds: float) -> bool:
        return stop.wait(seconds) if seconds > 0 else stop.is_set()

    return Worker(
        given.dsn,
        owner,
        given.clock,
        renderer,
        Linking(given),
        wait,
        clear=clear,
        rendered=rendered,
        stopping=stop.is_set,
    )


def make_hand_over(given: Parts, owner: str, stop: threading.Event) -> HandOver:
    """Put the hand-over of a process together, until `stop` is set: by SMTP where a server is set, else into the inbox.

    Raises:
        BadSmtpUrl: the server's address cannot be used.
    """
    from tamshy.deliver import HandOver, Options  # noqa: PLC0415 - only a worker pays for the engine
    from tamshy.senders import InboxSender, SmtpSender, SmtpSettings  # noqa: PLC0415

    plain = Options()
    # Spans are measured on the shop's clock, whose minutes may last a tenth of a second.
    options = replace(
        plain,
        lease=plain.lease * given.clock.speed,
        first_retry=plain.first_retry * given.clock.speed,
        longest_retry=plain.longest_retry * given.clock.speed,
        unread_pause=plain.unread_pause * given.clock.speed,
        longest_unread_pause=plain.longest_unread_pause * given.clock.speed,
        look_back=plain.look_back * given.clock.speed,
        domain_pause=plain.domain_pause * given.clock.speed,
        give_up_after=plain.give_up_after * given.clock.speed,
    )
    sender: Sender = InboxSender()
    if given.configuration.smtp_url:
        smtp = SmtpSettings.from_url(given.configuration.smtp_url)
        rate = None if smtp.per_second is None else smtp.per_second / given.clock.speed
        options = replace(options, per_second=rate)
        # Without a server nothing leaves; a clock that is faster than life makes a backlog of every second.
        options = replace(options, ramp=ramp_of(given.configuration) if given.clock.speed == 1 else None)
        sender = SmtpSender(smtp, urlsplit(given.base_url).hostname or "localhost")
    return HandOver(
        sender,
        options,
        given.signer,
        given.base_url,
        given.clock.now,
        stop.wait,
        owner,
        stop.is_set,
    )


def make_errands(given: Parts, owner: str, sender: Sender, stopping: Callable[[], bool]) -> Errands:
    """Put the errands of a process together: webhooks to public addresses alone, notices by the sender of all mail."""
    from tamshy.errand import Errands, signing_key  # noqa: PLC0415 - only a worker pays for the engine
    from tamshy.site.notices import Postbox  # noqa: PLC0415

    secrets = secret_keys(given.configuration)

    def keys(workspace: str) -> list[bytes]:
        return [signing_key(secret, workspace) for secret in secrets]

    return Errands(Postbox(sender), keys, given.clock.now, owner, stopping=stopping, speed=given.clock.speed)
