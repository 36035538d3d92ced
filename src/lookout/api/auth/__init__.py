"""Who asks: credentials in, a `Caller` out.

tokens.py   API tokens
people.py   JSON Web Tokens, as the platform's gateway hands them on
keys.py     the public keys of such tokens
gate.py     which kind of credential it is, and whether it still holds
watch.py    ends streams whose credential no longer holds
browser.py  the cookie of somebody who has signed in to the page
edge.py     the ASGI middleware that asks the gate
"""
