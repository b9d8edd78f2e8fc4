"""Which columns, and how much."""
