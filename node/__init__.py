"""The node acts: clock, disk, socket and people."""
