"""What a recipient touches: the open pixel, tracked links, unsubscribing, preferences, the mail in a browser.

Reads what `track` and `forms` find for a token; writes only through them. No scripts, no cookies, no sessions; nothing but a
POST changes what anybody has agreed to.
"""
