"""The use cases, one module each; none knows of another."""
