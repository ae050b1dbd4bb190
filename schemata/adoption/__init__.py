"""Another migration tool's history moves over: its folder becomes migrations, its ledger records; baselines are proved.

Readers know each tool's folder, `formats` their notations, `ledgers` what they recorded; `execution` how a file runs.
"""
