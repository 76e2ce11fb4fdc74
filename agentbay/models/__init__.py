"""Results, parameters and enums, shared by both surfaces: data and pure helpers, no I/O."""
