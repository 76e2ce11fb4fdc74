"""Code execution, on the side of the runtime: one kernel for each language of a session."""
