"""Another migration tool's history moves over: its folder becomes migrations, its ledger becomes records.

Readers know each tool's folder, `formats` their notations, `ledgers` what they recorded; conversion makes our files.
And what a database has is proved before it is recorded as a baseline.
"""
