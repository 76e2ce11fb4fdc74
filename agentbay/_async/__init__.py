"""The client, sessions, and what can be done in a session."""
