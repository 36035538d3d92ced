"""A whole Lookout, three replicas of it, while everything around it fails: `make faults`. Pass or fail, from a seed."""
