"""How a file of another tool is to be run: told from its parse tree, and tried in a temporary server."""
