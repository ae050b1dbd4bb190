"""`schemata init`: what a repository needs to use the engine, and the first migrations from a live database."""
