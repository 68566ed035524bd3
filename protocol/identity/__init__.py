"""Who is speaking: DIDs and keys."""
