"""What each tool's folder holds, in the tool's own order: one module a tool, `reading.read` chooses."""
