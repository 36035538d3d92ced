"""The log, out. Every feed is a reader of it with a position."""
