"""What `doctor` looks at of the way out: the mail server up to signing in, and what the DNS says of the sending domains."""

from __future__ import annotations

import smtplib
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tamshy.deliver.addresses import sending_domain
from tamshy.senders import BadSmtpUrl, SmtpSettings
from tamshy.site.commands.findings import Finding
from tamshy.site.names import NoAnswer, name_server, takes_mail, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tamshy.site.configuration import Configuration

_TIMEOUT_S: Final = 10.0
_OK: Final = 250
_UNREAL: Final = ("example", "test", "invalid", "localhost", "local")
"""Ends of names that nobody can own (RFC 2606, RFC 6762)."""


def mail_server(configuration: Configuration, context: ssl.SSLContext | None = None) -> Finding:
    """Say how far one gets with the mail server: connected, greeted, behind TLS, signed in. Nothing is sent."""
    if not configuration.smtp_url:
        return Finding("mail", good=True, found="no server set: mail stays in the inbox of the page")
    try:
        wanted = SmtpSettings.from_url(configuration.smtp_url)
    except BadSmtpUrl as exc:
        return Finding("mail", good=False, found=str(exc), mend="mend TAMSHY_SMTP_URL")
    where = f"{wanted.host}, port {wanted.port}"
    done: list[str] = []
    try:
        _walk(wanted, urlsplit(configuration.base_url).hostname or "localhost", context, done)
    except ssl.SSLError as exc:
        mend = "its certificate must be for that name, by an authority that this machine knows"
        return Finding("mail", good=False, found=f"{where}: {_steps(done)}TLS fails: {exc.reason or exc}", mend=mend)
    except smtplib.SMTPAuthenticationError as exc:
        mend = "mend user and password in TAMSHY_SMTP_URL; some providers want a password made for programs"
        return Finding(
            "mail", good=False, found=f"{where}: {_steps(done)}it refuses to sign in ({exc.smtp_code})", mend=mend
        )
    except smtplib.SMTPNotSupportedError as exc:
        mend = "is it the right port? 587 with starttls=1, or smtps:// on 465, are usual"
        return Finding("mail", good=False, found=f"{where}: {_steps(done)}{exc}", mend=mend)
    except (smtplib.SMTPException, OSError) as exc:
        mend = "is it the right host and port, and is this machine let through?"
        said = "it does not greet like a mail server" if isinstance(exc, smtplib.SMTPException) else str(exc)
        return Finding("mail", good=False, found=f"{where}: {_steps(done)}{said}", mend=mend)
    if wanted.user is None and not _near(wanted.host) and not (wanted.tls or wanted.starttls):
        mend = "add ?starttls=1, or use smtps://: what is sent can be read on the way"
        return Finding("mail", good=False, found=f"{where}: {', '.join(done)}; without TLS", mend=mend)
    return Finding("mail", good=True, found=f"{where}: {', '.join(done)}")


def _walk(wanted: SmtpSettings, helo: str, context: ssl.SSLContext | None, done: list[str]) -> None:
    """Go as far as a sender would before its first message; `done` tells how far it came."""
    context = context or ssl.create_default_context()
    link: smtplib.SMTP
    if wanted.tls:
        link = smtplib.SMTP_SSL(wanted.host, wanted.port, helo, timeout=_TIMEOUT_S, context=context)
    else:
        link = smtplib.SMTP(wanted.host, wanted.port, helo, timeout=_TIMEOUT_S)
    with link:
        done.append("greeted behind TLS" if wanted.tls else "greeted")
        link.ehlo_or_helo_if_needed()
        if wanted.starttls:
            link.starttls(context=context)
            link.ehlo_or_helo_if_needed()
            done.append("STARTTLS")
        if wanted.user is not None and wanted.password is not None:
            link.login(wanted.user, wanted.password)
            done.append("signed in")
        if link.noop()[0] == _OK:
            done.append("ready")


def _steps(done: list[str]) -> str:
    return f"{', '.join(done)}; " if done else ""


def _near(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def domains(configuration: Configuration, senders: Iterable[str], selector: str, resolver: str) -> Iterator[Finding]:
    """Say what receivers find about the domains that mail is sent from.

    Args:
        configuration: the settings; without a mail server nothing leaves, and nothing is asked.
        senders: From addresses in use.
        selector: the name of the DKIM key, as the mail server's operator tells it; empty: it is not looked for.
        resolver: the name server to ask, empty: the system's.
    """
    if not configuration.smtp_url:
        return
    for domain in sorted({sending_domain(sender) for sender in senders} - {""}):
        if domain.rpartition(".")[2] in _UNREAL:
            mend = "set `from:` in tamshy.yaml, and in messages that have their own, to an address of a domain of yours"
            yield Finding(f"domain {domain}", good=False, found="is no domain that anybody can own", mend=mend)
            continue
        try:
            yield from _domain(domain, selector, name_server(resolver))
        except NoAnswer as exc:
            mend = "is there a way to the DNS from here? `--resolver HOST` asks another server"
            yield Finding(f"domain {domain}", good=False, found=f"the DNS does not answer: {exc}", mend=mend)


def _domain(domain: str, selector: str, server: tuple[str, int]) -> Iterator[Finding]:
    spf = [text for text in texts(domain, server) if text.lower().startswith("v=spf1")]
    mend = f'put one TXT record at {domain}: "v=spf1 include:… -all", with what your mail server\'s operator names'
    said = (
        "is there"
        if len(spf) == 1
        else "there is none"
        if not spf
        else f"there are {len(spf)}; receivers take none then"
    )
    open_to_all = len(spf) == 1 and "+all" in spf[0].lower()
    if open_to_all:
        said, mend = "lets anybody send (+all)", "end it with -all or ~all"
    yield Finding(f"SPF of {domain}", good=len(spf) == 1 and not open_to_all, found=said, mend=mend)
    yield _dmarc(domain, server)
    if selector:
        name = f"{selector}._domainkey.{domain}"
        keys = [text for text in texts(name, server) if "p=" in text.replace(" ", "")]
        there = any(not text.replace(" ", "").rstrip(";").endswith("p=") for text in keys)
        said = "is there" if there else "was revoked (empty p=)" if keys else "there is none"
        mend = f"put the TXT record that your mail server's operator gives at {name}"
        yield Finding(f"DKIM of {domain}", good=there, found=said, mend=mend)
    else:
        yield Finding(f"DKIM of {domain}", good=True, found="not looked at: give --dkim SELECTOR")
    mend = f"answers and reports come back to {domain}: give it an MX record"
    back = takes_mail(domain, server)
    yield Finding(
        f"mail to {domain}", good=back, found="has somewhere to go" if back else "has nowhere to go", mend=mend
    )


def _dmarc(domain: str, server: tuple[str, int]) -> Finding:
    """Look at the domain itself, then at those above it, as receivers do."""
    labels = domain.split(".")
    for cut in range(len(labels) - 1):
        above = ".".join(labels[cut:])
        found = [text for text in texts(f"_dmarc.{above}", server) if text.lower().startswith("v=dmarc1")]
        if len(found) == 1:
            where = "is there" if above == domain else f"is there, at {above}"
            return Finding(f"DMARC of {domain}", good=True, found=where)
        if found:
            mend = f"keep one of them at _dmarc.{above}"
            return Finding(
                f"DMARC of {domain}", good=False, found=f"there are {len(found)}; receivers take none then", mend=mend
            )
    mend = f'put a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:…"; large receivers ask for one'
    return Finding(f"DMARC of {domain}", good=False, found="there is none", mend=mend)
