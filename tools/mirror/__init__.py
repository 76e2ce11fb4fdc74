"""How the blocking mirror is written: what is read, how values cross over, what comes out."""
