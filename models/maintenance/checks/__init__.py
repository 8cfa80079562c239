"""The checks of a verification: each is a statement and a generator of findings."""
