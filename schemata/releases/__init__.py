"""The release before beside this one: whether its application runs on a database that has this one's expands."""
