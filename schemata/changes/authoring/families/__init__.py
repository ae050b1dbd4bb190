"""The files of each kind of change, a module for each family: values in, values out."""
