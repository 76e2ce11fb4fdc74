"""Contexts: what outlives sessions, and its way into them and back."""
