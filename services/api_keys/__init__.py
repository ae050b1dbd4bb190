"""API keys: what one looks like, who may do what with it, how a service checks it, and who did what with it.

`keys` is the form of a key and its scopes; `checking` asks the database for them; `audit` is the record of writes;
`commands` makes, lists and revokes them for people; `register` stores one that a secret holds; `development` is what
`inv dev-up` runs at its end.
"""
