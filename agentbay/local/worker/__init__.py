"""What runs inside a sandbox and serves its tools over one inherited socket.

Standard library only, and as little of it as possible: a session is usable once this has been
imported. The runtime imports `frames` and `leftovers` from here; the rest runs only inside.
"""
