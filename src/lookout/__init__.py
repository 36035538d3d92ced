"""Lookout: one list of what is wrong.

Read the code in the order in which an alert travels:

    sources/    bytes in, alerts out: one file per sender. Pure.
    alerts/     what an alert is: labels, fingerprint, severity. Pure.
    incidents/  what to do about it: leases, grouping, decide, evolve. Pure.
    intake/     the shell: load, decide, append; answers only after the commit.
    timers.py   what time alone changes: leases that run out.
    reconcile.py asks the sources what fires, where they can be asked.
    reload.py   lookout.yaml, read anew while Lookout runs.
    store/      the log in PostgreSQL, and the tables folded from it.
    feeds/      the log, out: followers, and SSE for them.
    api/        HTTP: ingest, REST, GraphQL, health.
    web/        the page: templates over the same reads and actions.
    app.py      puts the parts together, and server.py in front of them; cli/ is the way in.

Imports run one way:
``cli > probe > app | offline > server > web > api > feeds | reconcile | reload | timers > intake > opened > store >
sources | incidents > alerts``.
"""

__version__ = "0.1.0"
