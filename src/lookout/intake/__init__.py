"""The shell around the core: load, decide, append. Requests are answered only after the commit (I1).

work.py      what is asked: a delivery, an order, an expiry, a reconciliation
repeats.py   firings whose repeats are only renewals
settle.py    a batch in the hands of the ledgers
listening.py since when all is heard that is sent
placing.py   whose the alerts are, of a sender for many tenants
queue.py     what waits, by tenant, and which of it is next
ways.py      which of two commits goes first
writer.py    the one writer that has it committed
commits.py   a batch is committed together, or each part by itself
tries.py     one try of that: renew, load, decide, append
"""
