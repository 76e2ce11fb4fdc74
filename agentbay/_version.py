"""Hold the one version number of the distribution; hatchling reads it from here."""

__version__ = "1.0.0a1"
