"""The files of a change, written from what a database says of the table: a module for each family of kinds."""
