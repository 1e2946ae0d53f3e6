"""What a recipient touches: the open pixel, tracked links, unsubscribing, preferences, the mail in a browser.

Reads what `track` finds for a token; writes only through `track`. No scripts, no cookies, no sessions; nothing but a
POST changes what anybody has agreed to.
"""
