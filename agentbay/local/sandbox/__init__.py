"""Sandboxes: the machines behind the sessions of the local runtime."""
