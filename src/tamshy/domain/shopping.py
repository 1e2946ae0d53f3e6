"""The events of Segment's e-commerce spec v2 that build carts and orders, and those that it has no name for."""

from __future__ import annotations

from typing import Final

COMPLETED: Final = "Order Completed"
UPDATED: Final = "Order Updated"
PAID: Final = "Order Paid"
SHIPPED: Final = ("Order Shipped", "Order Fulfilled")
DELIVERED: Final = "Order Delivered"
CANCELLED: Final = "Order Cancelled"
REFUNDED: Final = "Order Refunded"

VIEWED: Final = "Product Viewed"
ADDED: Final = ("Product Added", "Wishlist Product Added to Cart")
REMOVED: Final = "Product Removed"
WHOLE: Final = ("Cart Viewed", "Cart Updated", "Checkout Started")
"""They say what is in a cart altogether, where they list products; what it is worth, where they hold a value."""
TOUCHING: Final = (
    "Checkout Step Viewed",
    "Checkout Step Completed",
    "Payment Info Entered",
    "Coupon Entered",
    "Coupon Applied",
    "Coupon Removed",
    "Coupon Denied",
    "Cart Shared",
)
"""They show that somebody is at it, and change nothing in it."""

CART_EVENTS: Final = frozenset((*ADDED, REMOVED, *WHOLE, *TOUCHING, COMPLETED))
ORDER_EVENTS: Final = frozenset((COMPLETED, UPDATED, PAID, *SHIPPED, DELIVERED, CANCELLED, REFUNDED))
