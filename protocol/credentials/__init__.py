"""What is said of a learner, and whether it is authentic and current."""
