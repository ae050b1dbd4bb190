"""Results and progress for people and programs: tables, JSON, colour, one-line logs."""
