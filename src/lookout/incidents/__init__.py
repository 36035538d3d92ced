"""What to do about alerts. Pure: `decide` says what happened and why, `evolve` says what is so afterwards."""
