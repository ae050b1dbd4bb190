"""Findings as other tools read them: SARIF, the annotations of GitHub, a comment in Markdown."""
