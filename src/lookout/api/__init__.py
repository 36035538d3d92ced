"""HTTP: alerts in, incidents out. Translates between the wire and the rest, and decides nothing about incidents."""
