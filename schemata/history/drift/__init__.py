"""Drift: changes of the structure that no migration made. What is expected, what is remembered, what a status says."""
