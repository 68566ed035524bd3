"""What the node remembers: tables, queries, the one writer."""
