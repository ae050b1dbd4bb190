"""The statements of each kind of item: to create it, to drop it, and to change its facts."""
