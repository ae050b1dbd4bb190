"""Stored proofs of migrations, each bound to the checksum of what it is of: `migrations/attestations`, committed."""
