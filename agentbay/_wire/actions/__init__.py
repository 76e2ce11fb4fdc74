"""The actions of the API; each class is one, see :class:`agentbay._wire.request.Request`.

Parameters and data that the current services ignore are listed all the same: other clients
send them, and the local runtime must understand them.
"""
