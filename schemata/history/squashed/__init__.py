"""Baselines of `inv squash` in a database that has what they replace: recognised, and recorded without running."""
