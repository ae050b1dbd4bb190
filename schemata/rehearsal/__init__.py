"""Try migrations on databases that are dropped afterwards: what each statement locks, rewrites, scans and destroys.

`rehearse.rehearse` is the command; `proof` cycles each migration up, down and up again.
"""
