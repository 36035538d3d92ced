"""Measurements of a whole Lookout, each a program: `python -m bench.tenants`. Figures, and no pass or fail."""
