"""What two institutions must agree on, as values and pure functions."""
