"""Views of the tables for one version of the application, in schemas of its own, from a file of the repository."""
