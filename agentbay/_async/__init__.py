"""The asynchronous surface: all logic of the client lives here."""
