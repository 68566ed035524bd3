"""Documents in their canonical forms: as JSON text, and as the graph they state."""
