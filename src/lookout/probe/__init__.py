"""Tries to see, of one tenant, what is another's: over every route, GraphQL field, tool and stream (I6).

What there is to try is asked of the program itself, so that no new surface can be forgotten: one that nobody knows how
to try is a finding.

sides.py      two tenants: what each has, and what of that nobody else may see
asks.py       requests as templates, with places for what is somebody's
surfaces.py   an ask for each route, and each tool
documents.py  an ask for each field of GraphQL, made from the schema
streams.py    what a follower hears while another tenant is at work
trials.py     all of it, and what was found
alone.py      a Lookout to try it on
"""
