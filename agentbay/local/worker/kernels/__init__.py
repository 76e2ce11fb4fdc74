"""Kernels: they run code inside a sandbox and remember what it defined.

A kernel host is a process for one language of one sandbox. It starts the kernel, hands it code,
passes on what that writes and shows, stops it at its limits, and outlives it. The runtime talks
to the host by the stream ``kernel`` of the worker. The host needs the standard library only,
and pyzmq for the kernels that speak the protocol of Jupyter.
"""
