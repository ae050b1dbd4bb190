"""The statements of relations and their parts, and of what is said about any item: names, owners, grants, comments."""
