"""Notations that several readers know: checksums, sections of a file, versions, plans. Texts in, values out."""
