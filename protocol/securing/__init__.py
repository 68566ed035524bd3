"""Securing mechanisms for credentials."""
