"""The page that shows what happens as it happens: people in the stream of each flow, decisions with reasons, the inbox.

Reads `profile`, `event`, `enrollment`, `journal`, `message`, `content`, `engagement`, `conversion`, `delivery` and the
definitions; writes nothing. The composition root hands in connections, clock and base address (`wiring.install`).
"""

from __future__ import annotations
