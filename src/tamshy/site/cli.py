"""The program `tamshy`: its commands, their options, and what their exit codes mean.

Commands are imported when they are run: `tamshy check` loads neither the web server nor the database driver.
"""

from __future__ import annotations

import argparse
import importlib
import select
import sys
from typing import TYPE_CHECKING, Final

from tamshy import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    # What `add_subparsers` gives; argparse has no public name for it.
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

DONE: Final = 0
NOT_SO: Final = 1
WRONG_USE: Final = 2
NOT_THERE: Final = 3
_INTERRUPTED: Final = 130

_COMMANDS: Final = {
    # command: (module that does it, function in it)
    "demo": ("tamshy.site.demo", "run"),
    "serve": ("tamshy.site.commands.serving", "serve"),
    "web": ("tamshy.site.commands.serving", "web"),
    "worker": ("tamshy.site.commands.serving", "worker"),
    "migrate": ("tamshy.site.commands.serving", "migrate"),
    "check": ("tamshy.site.commands.folders", "check"),
    "plan": ("tamshy.site.commands.folders", "plan"),
    "apply": ("tamshy.site.commands.folders", "apply"),
    "export": ("tamshy.site.commands.folders", "export"),
    "test": ("tamshy.site.commands.playing", "test"),
    "simulate": ("tamshy.site.commands.playing", "simulate"),
    "backtest": ("tamshy.site.commands.playing", "backtest"),
    "explain": ("tamshy.site.commands.explaining", "explain"),
    "report": ("tamshy.site.commands.reporting", "report"),
    "segment": ("tamshy.site.commands.segments", "segment"),
    "aside": ("tamshy.site.commands.aside", "aside"),
    "uncertain": ("tamshy.site.commands.uncertain", "uncertain_"),
    "import": ("tamshy.site.commands.importing", "import_"),
    "forget": ("tamshy.site.commands.people", "forget"),
    "takeout": ("tamshy.site.commands.people", "takeout"),
    "key": ("tamshy.site.commands.keys", "key"),
    "enroll": ("tamshy.site.commands.enlisting", "enroll"),
    "pause": ("tamshy.site.commands.pausing", "pause"),
    "resume": ("tamshy.site.commands.pausing", "resume"),
    "hold": ("tamshy.site.commands.standing", "hold"),
    "confirm": ("tamshy.site.commands.standing", "confirm"),
    "backup": ("tamshy.site.commands.backup", "backup"),
    "restore": ("tamshy.site.commands.backup", "restore"),
    "doctor": ("tamshy.site.commands.doctor", "doctor"),
    "recipes": ("tamshy.site.commands.recipes", "list_"),
    "add": ("tamshy.site.commands.recipes", "add_"),
    "bench": ("tamshy.site.commands.measuring", "bench"),
}


def _nobody_reads() -> bool:
    """Tell whether it is our own output that nobody takes any more, and not some other link that broke."""
    # Asked of the system: what could not be written is no longer in the buffer, and another flush succeeds.
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    return any(seen & (select.POLLERR | select.POLLHUP) for _, seen in watch.poll(0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give its exit code: 0 done, 1 not so, 2 wrong use or input, 3 what it needs is not there."""
    options = parser().parse_args(arguments)
    try:
        module, function = _COMMANDS[options.command]
        return int(getattr(importlib.import_module(module), function)(options))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        # Whoever read our output has enough of it.
        sys.stderr.close()
        return DONE
    except Exception as exc:
        code = _expected(exc)
        if code is None:
            raise
        sys.stderr.write(f"tamshy {options.command}: {exc}\n")
        return code


def _expected(exc: Exception) -> int | None:
    """Tell the exit code of an error that a person can mend; None: a mistake of ours, shown whole."""
    # By name, so that no command pays for the modules of another.
    names = {kind.__name__ for kind in type(exc).__mro__ if kind.__module__.startswith("tamshy.")}
    if names & {
        "BadSetting",
        "BadClock",
        "UnreadableFolder",
        "BadSmtpUrl",
        "InvalidDsn",
        "WrongUse",
        "NoWorkspace",
        "AddressTaken",
        "UnsoundDatabase",
        "BadFile",
        "UnusableBrand",
        "BadOption",
        "ClashingColumns",
        "Busy",
    }:
        return WRONG_USE
    sqlkit = sys.modules.get("tamshy.sqlkit")
    if names & {"DatabaseError", "NotThere"} or (sqlkit is not None and sqlkit.is_retryable(exc)):
        return NOT_THERE
    return None


def parser() -> argparse.ArgumentParser:
    """Give the parser of all commands; documentation and tests read it too."""
    top = argparse.ArgumentParser(prog="tamshy", description="Self-hosted lifecycle e-mail for online shops.")
    top.add_argument("--version", action="version", version=f"tamshy {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--workspace", metavar="NAME", default="", help="act on this workspace (default: the first)")
    shared.add_argument("--json", action="store_true", help="print data as JSON")
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--data", metavar="DIR", default="", help="data folder (default: ./tamshy-data)")
    _running(commands, shared, place)
    _folders(commands, shared, place)
    _playing(commands, shared)
    _back(commands, shared, place)
    _looking(commands, shared, place)
    _holding(commands, shared, place)
    _stopping(commands, shared, place)
    return top


def _running(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    demo = commands.add_parser("demo", parents=[place], help="a whole shop to play with")
    demo.add_argument("--once", action="store_true", help="stop when the first mail is in the inbox")
    demo.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    demo.add_argument("--port", type=int, default=8600, help="port to listen on (default: 8600)")
    demo.add_argument("--speed", type=float, default=None, help="how much faster than life the shop's clock runs")
    demo.add_argument("--seed", type=int, default=None, help="another seed makes other shoppers")
    serve = commands.add_parser("serve", parents=[shared, place], help="everything on one machine")
    serve.add_argument("dir", metavar="DIR", nargs="?", help="workspace folder to apply at the start")
    serve.add_argument(
        "--smtp", metavar="URL", default="", help="mail server (default: TAMSHY_SMTP_URL, else the inbox)"
    )
    serve.add_argument("--workers", type=_count, default=1, help="worker processes (default: 1)")
    web = commands.add_parser("web", help="the web server alone")
    for each in (serve, web):
        each.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        each.add_argument("--port", type=int, default=8600, help="port to listen on (default: 8600)")
    worker = commands.add_parser("worker", help="a worker alone; any number of them share the work")
    for each in (serve, web, worker):
        each.add_argument("--accept-loss", action="store_true", help="use a database that may lose what it was told")
    for each in (web, worker):
        each.add_argument("--follow", metavar="PID", type=int, default=0, help="end when this process does, our parent")
    web.add_argument("--fd", type=int, default=-1, help="answer on this open listening socket instead of a new one")
    commands.add_parser("migrate", parents=[shared, place], help="bring the database up to date")


def _folders(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    check = commands.add_parser("check", parents=[shared], help="refuse or accept a workspace folder")
    plan = commands.add_parser("plan", parents=[shared, place], help="show what applying a folder would change")
    apply = commands.add_parser("apply", parents=[shared, place], help="publish a workspace folder, all or nothing")
    export = commands.add_parser("export", parents=[shared, place], help="write the workspace as a folder")
    for each in (check, plan, apply, export):
        each.add_argument("dir", metavar="DIR", help="workspace folder")
    commands.add_parser("recipes", parents=[shared], help="list the ready-made campaigns")
    add = commands.add_parser("add", parents=[shared], help="write ready-made campaigns into a workspace folder")
    add.add_argument("recipe", metavar="RECIPE", nargs="*", help="recipes and bundles as `tamshy recipes` lists them")
    add.add_argument("--to", metavar="DIR", default=".", help="workspace folder (default: this one)")
    add.add_argument("--dress", action="store_true", help="write the mails of recipes anew in the look of brand.yaml")
    apply.add_argument(
        "--backfill",
        metavar="FLOW",
        action="append",
        default=[],
        help="enroll those who are inside a segment that starts this flow already",
    )


def _playing(commands: _Commands, shared: argparse.ArgumentParser) -> None:
    test = commands.add_parser("test", parents=[shared], help="run the stories of a folder on a virtual clock")
    test.add_argument("dir", metavar="DIR", help="workspace folder")
    test.add_argument("only", metavar="STORY", nargs="*", help="run these stories only")
    simulate = commands.add_parser("simulate", parents=[shared], help="play a history through the flows of a folder")
    simulate.add_argument("dir", metavar="DIR", help="workspace folder")
    simulate.add_argument("--events", metavar="FILE", required=True, help="the history, JSONL")
    simulate.add_argument("--until", metavar="T", default="", help="stop at this moment (default: when nothing waits)")
    simulate.add_argument("--seed", type=int, default=0, help="seed of holdouts and splits (default: 0)")
    simulate.add_argument("--out", metavar="FILE", default="", help="write the lines there (default: standard output)")


def _back(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    backtest = commands.add_parser(
        "backtest", parents=[shared, place], help="what a folder would have sent over the shop's own past"
    )
    backtest.add_argument("dir", metavar="DIR", help="workspace folder")
    backtest.add_argument("--since", metavar="DURATION", default="90d", help="so far back (default: 90d)")
    backtest.add_argument("--seed", type=int, default=0, help="seed of holdouts and splits (default: 0, that of life)")
    backtest.add_argument("--out", metavar="FILE", default="", help="write the lines there, as `simulate` does")


def _looking(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    explain = commands.add_parser("explain", parents=[shared, place], help="why somebody got, or did not get, a mail")
    explain.add_argument("profile", metavar="PROFILE", help="user id, address, anonymous id, or the profile's own id")
    explain.add_argument("--flow", metavar="FLOW", default="", help="this flow only")
    explain.add_argument("--message", metavar="MESSAGE", default="", help="this message only")
    report = commands.add_parser("report", parents=[shared, place], help="what flows have brought, with intervals")
    report.add_argument("flow", metavar="FLOW", nargs="?", default="", help="this flow only (default: all)")
    segment = commands.add_parser("segment", parents=[shared, place], help="how many people are in a segment, and some")
    segment.add_argument("name", metavar="NAME", nargs="?", default="", help="this one, with some of its people")
    segment.add_argument(
        "--sample", metavar="N", type=_sample, default=10, help="how many of them to show (default: 10)"
    )
    aside = commands.add_parser("aside", parents=[shared, place], help="whose items raised an error, and wait")
    aside.add_argument(
        "--let-in", metavar="PROFILE", default="", help="let this one in again, or `all`, once the cause is mended"
    )
    # The same options once more, for whoever writes them at the end; absent there, those before it hold.
    again = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    again.add_argument("--workspace", metavar="NAME", help=argparse.SUPPRESS)
    again.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    again.add_argument("--data", metavar="DIR", help=argparse.SUPPRESS)
    _settling(commands, [shared, place], again)
    key = commands.add_parser("key", parents=[shared, place], help="make, list and revoke keys")
    does = key.add_subparsers(dest="does", metavar="list|add|revoke|webhooks", required=True)
    does.add_parser("list", parents=[again], help="list the keys of the workspace")
    add = does.add_parser("add", parents=[again], help="make a key; its text is shown once")
    add.add_argument("kind", choices=["write", "api"], help="write: may only send calls; api: may use the API")
    add.add_argument("--name", default="", help="what it is for")
    does.add_parser("webhooks", parents=[again], help="show what the workspace's webhooks are signed with")
    revoke = does.add_parser("revoke", parents=[again], help="end a key; it is dead within a minute everywhere")
    revoke.add_argument("id", metavar="ID", help="the key's id, as `tamshy key list` shows it")
    doctor = commands.add_parser("doctor", parents=[shared, place], help="check what Tamshy needs, and say what to do")
    doctor.add_argument("--dkim", metavar="SELECTOR", default="", help="look for this DKIM key of the sending domain")
    doctor.add_argument(
        "--resolver", metavar="HOST:PORT", default="", help="ask this DNS server (default: the system's)"
    )
    bench = commands.add_parser("bench", parents=[shared], help="measure this machine, beside its raw limits")
    bench.add_argument(
        "stage",
        metavar="STAGE",
        nargs="*",
        help="ingest, advance, decide, ask, workers, lag, simulate, render, send (default: all)",
    )
    bench.add_argument("--size", choices=["tiny", "short", "full"], default="short", help="how much (default: short)")
    bench.add_argument("--out", metavar="DIR", default="", help="keep the record there, as dated JSON")


def _holding(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    import_ = commands.add_parser(
        "import", parents=[shared, place], help="take in a file of people, events or addresses"
    )
    import_.add_argument("kind", metavar="KIND", help="profiles, events, products or suppressions")
    import_.add_argument("file", metavar="FILE", help="CSV or JSON lines")
    import_.add_argument(
        "--topic", metavar="TOPIC", default="", help="what consent of the file is about (default: the first)"
    )
    import_.add_argument(
        "--evidence", metavar="TEXT", default="", help="the wording that everybody of the file agreed to"
    )
    import_.add_argument("--consented-at", metavar="COLUMN", default="", help="when they did")
    import_.add_argument("--bought", action="store_true", help="a bought list: nobody of it has agreed to anything")
    import_.add_argument(
        "--types",
        metavar="COLUMN=TYPE,…",
        default="",
        help="text, number, boolean, date, dmy or mdy (default: found out)",
    )
    import_.add_argument("--as-of", metavar="T", default="", help="when it was so (default: when the file was written)")
    import_.add_argument(
        "--encoding", choices=["utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1251"], default="",
        help="default: found out",
    )  # fmt: skip
    import_.add_argument("--delimiter", choices=["comma", "semicolon", "tab"], default="", help="default: found out")
    forget = commands.add_parser("forget", parents=[shared, place], help="erase a person")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    takeout = commands.add_parser(
        "takeout", parents=[shared, place], help="write all that is held about a person, as JSON"
    )
    takeout.add_argument("--out", metavar="FILE", default="", help="write it there (default: standard output)")
    for each in (forget, takeout):
        each.add_argument("profile", metavar="PROFILE", help="user id, address, anonymous id, or the profile's own id")


def _settling(commands: _Commands, parents: list[argparse.ArgumentParser], again: argparse.ArgumentParser) -> None:
    doubt = commands.add_parser("uncertain", parents=parents, help="list and settle messages whose answer was lost")
    says = doubt.add_subparsers(dest="does", metavar="sent|resend|resume")
    sent = says.add_parser("sent", parents=[again], help="the mail server has them: nothing more happens")
    resend = says.add_parser("resend", parents=[again], help="hand them over again, with the same Message-ID")
    for each in (sent, resend):
        each.add_argument("ids", metavar="ID", nargs="+", help="messages as `tamshy uncertain` lists them, or `all`")
    resume = says.add_parser("resume", parents=[again], help="go on with a sending domain that was paused")
    resume.add_argument("ids", metavar="DOMAIN", nargs="+", help="sending domains, or `all`")


def _stopping(commands: _Commands, shared: argparse.ArgumentParser, place: argparse.ArgumentParser) -> None:
    enroll = commands.add_parser("enroll", parents=[shared, place], help="put somebody into a flow by hand")
    enroll.add_argument("flow", metavar="FLOW", help="the flow's name; it has the trigger `manual`")
    enroll.add_argument("profile", metavar="PROFILE", help="user id, address, anonymous id, or the profile's own id")
    enroll.add_argument(
        "--event", metavar="JSON", default="{}", help="what `event.…` holds in the flow (default: nothing)"
    )
    enroll.add_argument("--key", metavar="TEXT", default="", help="said again with the same key, nothing happens")
    pause = commands.add_parser("pause", parents=[shared, place], help="let a flow stand still")
    resume = commands.add_parser("resume", parents=[shared, place], help="let a flow go on, and say with whom")
    for each in (pause, resume):
        each.add_argument("flow", metavar="FLOW", help="the flow's name")
    resume.add_argument(
        "--overdue", choices=["skip", "send", "shift"], help="what was due (default: as `expires` says)"
    )
    commands.add_parser("hold", parents=[shared, place], help="let nothing leave until it is confirmed")
    confirm = commands.add_parser(
        "confirm", parents=[shared, place], help="say that this installation is the one that mails"
    )
    confirm.add_argument("--overdue", choices=["skip", "send"], default="send", help="what was decided or due by now")
    for each in (resume, confirm):
        each.add_argument("--yes", action="store_true", help="do not ask")
        each.add_argument("--dry-run", action="store_true", help="only say what would be done")
    backup = commands.add_parser(
        "backup", parents=[shared, place], help="write everything to a file, while all goes on"
    )
    restore = commands.add_parser(
        "restore", parents=[shared, place], help="read it back into an empty database, on hold"
    )
    for each in (backup, restore):
        each.add_argument("file", metavar="FILE", help="the backup")


def _sample(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1000:  # noqa: PLR2004 - a list for a person to read
        raise argparse.ArgumentTypeError("give a number from 0 to 1000")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 64:  # noqa: PLR2004 - more workers than there are buckets would idle
        raise argparse.ArgumentTypeError("give a number from 1 to 64")
    return value


if __name__ == "__main__":
    sys.exit(main())
