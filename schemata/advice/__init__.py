"""Which indexes are missing, doubled or unused: judged by a planner, written as migrations, built nowhere."""
