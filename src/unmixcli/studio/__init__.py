"""`unmix studio`: separation in a browser, on one's own machine.

Read `server` first, then `app` (the routes), `access` (who may use them), `library` (what is
kept), `engine` and `worker` (how songs are separated). ``static/`` is the page itself.
"""
