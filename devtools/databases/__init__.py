"""PostgreSQL servers, and the databases in them that others are copies of."""
