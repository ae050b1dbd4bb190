"""What is on disk: migration files, names, directives, order, checksums, the manifest of a build."""
