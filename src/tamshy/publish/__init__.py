"""Publishing a workspace folder: immutable versions of its flows and messages, and the rulebook that stages work by.

Reads the texts of a folder and what is published already; leaves ``workspace``, ``definition``, ``publication``, ``flow``,
``flow_version``, ``message_version``, and the people inside changed flows at their place in the new version.
"""

from __future__ import annotations

from tamshy.publish.loading import load_rulebook, published_files, workspace_names
from tamshy.publish.outlook import Outlook, flow_names, next_send, outlook
from tamshy.publish.pausing import Overdue, pause, resume
from tamshy.publish.publishing import CompileMessage, Published, Unpublishable, create_workspace, publish
from tamshy.publish.reach import Reach, reach

__all__ = [
    "CompileMessage",
    "Outlook",
    "Overdue",
    "Published",
    "Reach",
    "Unpublishable",
    "create_workspace",
    "flow_names",
    "load_rulebook",
    "next_send",
    "outlook",
    "pause",
    "publish",
    "published_files",
    "reach",
    "resume",
    "workspace_names",
]
