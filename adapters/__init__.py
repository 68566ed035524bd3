"""Adapters translate: one file for each kind of student-information system."""
