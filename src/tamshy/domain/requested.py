"""The event by which an address is asked for its consent: the words that forms, flows and the edge share."""

from __future__ import annotations

from typing import Final

SUBSCRIPTION_REQUESTED: Final = "Subscription Requested"
"""The engine's own event: somebody has put an address into a form, and its owner has yet to say yes."""
CONFIRM_URL: Final = "confirm_url"
"""The property with the signed link. Nobody outside can write it: a shop's own mail would lead wherever they like."""
