"""The web page: templates over the same reads and actions as REST, for people.

page.py      the paths, and what each shows
board.py     the list of incidents: sorted, searched, by pages, now and at a time
finding.py   what is searched for. Pure
facets.py    what the list can be split by. Pure
detail.py    one incident: its timeline, its alerts as a table, the ways to copy it
history.py   figures of a time, and a hint for what is noisy
charts.py    pictures as SVG. Pure
words.py     values as people read them: times, events, names. Pure
markdown.py  an investigator's Markdown as harmless HTML. Pure
live.py      the stream that says what has changed
session.py   who sits before the browser: sign in, sign out, and whether a form is ours
rendering.py the templates and what they know
demo.py      plays the demo, in local mode
"""
