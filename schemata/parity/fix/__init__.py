"""Migration files that turn one structure into another: written for a person to read, never run from here.

`writing.write` writes them for the differences of two snapshots; `declared.declared` reads a structure from plain SQL.
"""
