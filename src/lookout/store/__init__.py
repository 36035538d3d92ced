"""The log, in PostgreSQL: written in one transaction with the tables that are folded from it."""
