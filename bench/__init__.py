"""Measurements of a whole Lookout: `make bench` makes the table. Figures, and no pass or fail."""
