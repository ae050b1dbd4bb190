"""Databases that hold no row and plan as full ones do: the structure, statistics, and files of the right length."""
