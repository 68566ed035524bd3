"""Whether what was verified is acceptable: trust and validation."""
