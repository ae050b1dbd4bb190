"""What each statement of a migration does to what was there: seen from inside of its transaction, and judged."""
