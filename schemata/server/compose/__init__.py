"""Docker Compose: its command line, the engine it works on, and the project that it makes of a file."""
