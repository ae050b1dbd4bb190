"""Values in, values out: no file, socket, process or clock."""
