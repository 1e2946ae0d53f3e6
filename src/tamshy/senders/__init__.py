"""Mail back ends: how a message leaves the house, behind the `Sender` protocol of deliver."""

from __future__ import annotations

from tamshy.senders.inbox import InboxSender
from tamshy.senders.settings import BadSmtpUrl, SmtpSettings
from tamshy.senders.smtp import SmtpSender

__all__ = ["BadSmtpUrl", "InboxSender", "SmtpSender", "SmtpSettings"]
