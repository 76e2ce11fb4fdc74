"""The protocol as data, written once: the client and the local runtime both use it.

``request`` says what an action is and how it travels, ``actions`` lists the actions,
``envelope`` reads and writes replies, ``tools`` describes the tools, ``codec`` holds the only
converters.
"""
