"""Whether a backup comes before a deploy: what may lose data, the policy, and what a deploy calls."""
