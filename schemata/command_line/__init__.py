"""Functions as commands: what people type, what is printed, and how a command ends; with Invoke and without."""
