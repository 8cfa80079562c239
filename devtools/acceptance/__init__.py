"""./dev demo --check: the acceptance scenario, played and compared."""
