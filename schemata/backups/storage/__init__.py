"""Where backups are kept: in a directory, or elsewhere by a command."""
