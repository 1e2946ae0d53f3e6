"""Render beside joining ready strings; hand-over beside Postfix's own load generator, into the same sink."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.deliver import Mail, Outcome, build
from tamshy.language import read_workspace
from tamshy.render import Job
from tamshy.render.children import InProcess, RenderChild
from tamshy.render.compile import compile_message
from tamshy.senders import SmtpSender, SmtpSettings
from tamshy.site.bench.cost import Meter
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.shop import NOON, event_properties, files
from tamshy.site.bench.sink import ABSENT, programs, sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.render.compiled import Compiled, Rendered
    from tamshy.site.bench.sizes import Size

_VERSION: Final = 1
_PIECES: Final = 88
_JOINS: Final = 50_000
_CONNECTIONS: Final = 8


def render(size: Size) -> list[Figure]:
    """Measure rendering a letter of about 30 kB with its links, in the child that the worker uses."""
    compiled = _compiled()
    meter = Meter()
    many = [_job(number) for number in range(size.mails * size.growth)]
    few = many[: size.mails]
    with RenderChild(1) as child:
        child.render_rows(many[:1], compiled)
        pieces = _pieces(_one(compiled).html)
        ours, limits = [], []
        for _ in range(size.rounds):
            ours.append(meter.of(lambda: _whole(child, few, compiled)))
            limits.append(meter.of(lambda: _joined(pieces)))
        grown = [meter.of(lambda: _whole(child, many, compiled))]
    return [
        Figure(
            stage="render",
            what=f"a letter of {len(_one(compiled).html) / 1000:.0f} kB with 48 tracked links",
            unit="mails",
            items=len(few),
            rounds=ours,
            limit=f"joining {_PIECES} ready strings",
            limit_items=_JOINS,
            limits=limits,
            grown=grown,
            grown_items=len(many),
            growth=size.growth,
            growing="mails in a batch",
        )
    ]


def send(size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Measure building mails and handing them over, into Postfix's smtp-sink; nothing where it is not installed."""
    found = programs()
    if found is None:
        say(f"send: {ABSENT}")
        return []
    rendered = _one(_compiled())
    many = [_mail(number, rendered) for number in range(size.mails * size.growth)]
    few = many[: size.mails]
    length = len(build(few[0]))
    meter = Meter()
    with sink(found) as made, ThreadPoolExecutor(_CONNECTIONS) as threads:
        sender = SmtpSender(SmtpSettings("127.0.0.1", made.port, connections=_CONNECTIONS), "localhost")
        _handed(sender, threads, few[: _CONNECTIONS * 2])
        ours, limits = [], []
        for _ in range(size.rounds):
            ours.append(meter.of(lambda: _handed(sender, threads, few)))
            limits.append(meter.of(lambda: made.load(len(few), length, _CONNECTIONS)))
        grown = [meter.of(lambda: _handed(sender, threads, many))]
        sender.close()
    return [
        Figure(
            stage="send",
            what=f"a mail of {length / 1000:.0f} kB built and handed over, {_CONNECTIONS} connections",
            unit="mails",
            items=len(few),
            rounds=ours,
            limit=f"smtp-source -s {_CONNECTIONS}, the same size",
            limit_items=len(few),
            limits=limits,
            grown=grown,
            grown_items=len(many),
            growth=size.growth,
            growing="mails in a row",
        )
    ]


def length_of_letter() -> int:
    """Give the bytes of a letter as they go to the mail server."""
    return len(build(_mail(0, _one(_compiled()))))


def _compiled() -> dict[int, Compiled]:
    workspace, _ = read_workspace(files())
    return {_VERSION: compile_message(workspace.messages["letter"], workspace.settings)[0]}


def _job(number: int) -> Job:
    base, token = "https://mail.bench.example", f"{number:064x}"
    return Job(
        id=UUID(int=number).hex,
        version=_VERSION,
        now=NOON.isoformat(),
        locale="en",
        zone="Asia/Almaty",
        profile={"first_name": f"Айгүл {number}", "city": "Almaty", "email": f"p{number}@example.com"},
        event={**event_properties(number), "occurred_at": NOON.isoformat(), "context": {}},
        base=base,
        token=token,
        open_url=f"{base}/o/{token}",
        unsubscribe_url=f"{base}/u/{token}",
        preferences_url=f"{base}/prefs/{token}",
        view_url=f"{base}/m/{token}",
    )


def _one(compiled: dict[int, Compiled]) -> Rendered:
    (outcome,) = InProcess().render_rows([_job(0)], compiled)
    if outcome.rendered is None:
        raise RuntimeError(f"the letter cannot be rendered: {outcome.error}")
    return outcome.rendered


def _whole(child: RenderChild, jobs: Sequence[Job], compiled: dict[int, Compiled]) -> None:
    """Render all.

    Raises:
        RuntimeError: one failed, so that the figure would mean nothing.
    """
    failed = [outcome.error for outcome in child.render_rows(jobs, compiled) if outcome.rendered is None]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(jobs)} letters failed: {failed[0]}")


def _pieces(html: str) -> list[str]:
    step = -(-len(html) // _PIECES)
    return [html[place : place + step] for place in range(0, len(html), step)]


def _joined(pieces: Sequence[str]) -> None:
    for _ in range(_JOINS):
        "".join(pieces)


def _mail(number: int, rendered: Rendered) -> Mail:
    return Mail(
        workspace=1,
        profile=UUID(int=number + 1),
        message=UUID(int=number + 1),
        from_address="Bench <hello@bench.example>",
        to_address=f"p{number}@example.com",
        reply_to=None,
        subject=rendered.subject,
        html=rendered.html_bytes,
        plain=rendered.plain_bytes,
        decided_at=NOON,
        unsubscribe_url=f"https://mail.bench.example/u/{number:064x}",
    )


def _handed(sender: SmtpSender, threads: ThreadPoolExecutor, mails: Sequence[Mail]) -> None:
    """Hand all over.

    Raises:
        RuntimeError: one was not accepted, so that the figure would mean nothing.
    """
    verdicts = list(threads.map(lambda mail: sender.hand_over(mail, lambda: True), mails))
    refused = [verdict for verdict in verdicts if verdict.outcome is not Outcome.ACCEPTED]
    if refused:
        raise RuntimeError(f"{len(refused)} of {len(mails)} mails were not accepted: {refused[0]}")
