"""The doors: for peers, for the public, for learners and staff."""
