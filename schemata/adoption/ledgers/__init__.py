"""What other tools recorded in the database, and what follows from it: applied, pending, or a person has to decide."""
