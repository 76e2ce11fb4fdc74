"""The tools of a session, by subject.

Each class is one tool; its fields are the arguments. The client builds calls and reads answers
with it, the local runtime checks arguments and writes answers with it, and the tool list that
sessions announce is derived from it. Adding a tool is adding a class.
"""
