"""Canonical forms of JSON documents."""
