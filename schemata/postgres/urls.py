"""Connection settings as text: accepted from other tools, and shown without the password.

Light on purpose: every container start imports this file.
"""

# What Prisma writes into DATABASE_URL and libpq refuses, with what stands for it here.
_FOREIGN = {
    "schema": "the schemas are set in [tool.schemata]",
    "connection_limit": "it sizes Prisma's pool",
    "pool_timeout": "it is a setting of Prisma's pool",
    "socket_timeout": "statement timeouts are set in [tool.schemata]",
    "max_connection_lifetime": "it is a setting of Prisma's pool",
    "max_idle_connection_lifetime": "it is a setting of Prisma's pool",
    "single_use_connections": "it is a setting of Prisma's pool",
    "statement_cache_size": "no statement is cached here",
    "pgbouncer": "if the URL leads to a pooler, migrations need a direct one",
    "sslaccept": "write sslmode=verify-full to have the certificate verified, sslmode=require not to",
    "sslidentity": "write sslcert and sslkey instead",
}
_SECRET = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
# What libpq quotes of its own words, in complaints about settings.
_WORDS = ("=", ":", "/", "]", "port", "password")


def normalise(url: str) -> tuple[str, list[str]]:
    """Return the settings as libpq accepts them, and a note for each thing left out. Never raises.

    >>> normalise("postgresql+psycopg://u@h/d?pool_timeout=9&sslmode=require")
    ('postgresql://u@h/d?sslmode=require', ["pool_timeout=9 was left out: it is a setting of Prisma's pool."])
    >>> normalise("host=h dbname=d")
    ('host=h dbname=d', [])
    """
    scheme, mark, rest = url.strip().partition("://")
    if not mark or scheme.lower().partition("+")[0] not in ("postgresql", "postgres"):
        return url, []
    head, question, query = _cut(rest)
    kept, notes = [], []
    for piece in query.split("&"):
        why = _FOREIGN.get(piece.partition("=")[0].lower())
        if why:
            notes.append(f"{piece} was left out: {why}.")
        else:
            kept.append(piece)
    query = "&".join(kept)
    return f"postgresql://{head}{question if query else ''}{query}", notes


def redact(url: str) -> str:
    """Return the settings with *** for each password. Where it is uncertain what is one, hide more.

    >>> redact("postgresql://u:secret@h/d?password=secret&sslmode=require")
    'postgresql://u:***@h/d?password=***&sslmode=require'
    >>> redact("host=h password='a b' dbname=d")
    'host=h password=*** dbname=d'
    """
    scheme, mark, rest = url.partition("://")
    if not mark or not scheme.replace("+", "").strip().isalnum():  # a password may hold "://" too
        if url.partition("=")[0].strip().isidentifier():
            return _redact_pairs(url)
        scheme, mark, rest = "", "", url
    head, question, query = _cut(rest)
    # To the last "@", although libpq ends a password at the first: a raw "@" or "/" in one is a common slip.
    colon, at = rest.find(":"), rest.rfind("@")
    if 0 <= colon < at:
        if at >= len(head):
            return f"{scheme}{mark}{rest[: colon + 1]}***"
        head = f"{head[: colon + 1]}***{head[at:]}"
    return f"{scheme}{mark}{head}{question}{_redact_query(query)}"


def conceal(text: str, url: str) -> str:
    """Return what libpq said of the settings, without the pieces of a password that it may quote.

    >>> conceal('invalid percent-encoded token: "50%off"', "postgresql://u:50%off@h/d")
    'invalid percent-encoded token: "***"'
    >>> conceal('could not translate host name "db" to address: x', "postgresql://u:db@db/d")
    'could not translate host name "db" to address: x'
    """
    _, mark, rest = url.partition("://")
    path, at = rest.find("/"), rest.rfind("@")
    hosts = rest[:path] if path >= 0 else rest
    torn = bool(mark) and (hosts.count("@") > 1 or 0 <= path < at)
    complaints = ("URI", "percent-encoded", "connection info string", "connection option")
    if not torn and not any(words in text for words in complaints):
        return text  # what libpq cut as its writer meant it: a host's name is no secret, even if equal to one
    if '"' in url:
        return text.partition('"')[0] + '"***"'
    # Where a password may be: after the first colon, and after the word.
    colon, word = rest.find(":"), url.find("password")
    zone = (rest[colon + 1 : at] if mark and 0 <= colon < at else "") + "\n" + (url[word + 8 :] if word >= 0 else "")
    pieces = text.replace(f'"{url}"', '"***"').split('"')
    for number in range(1, len(pieces), 2):
        piece = pieces[number]
        if piece not in _WORDS and ("@" in piece or piece in zone or piece in _decode(zone)):
            pieces[number] = "***"
    masked = '"'.join(pieces)
    return f'invalid URI: more than one "@" before the host: {masked}' if hosts.count("@") > 1 else masked


def _cut(rest: str) -> tuple[str, str, str]:
    """Part a URL, from after its "://", into what is before the query, "?" and the query, as libpq does.

    A user's part is there if an "@" comes before any "/"; it may hold a "?".
    """
    slash, at = rest.find("/"), rest.find("@")
    question = rest.find("?", at if slash < 0 or at < slash else 0) if at >= 0 else rest.find("?")
    if question < 0:
        return rest, "", ""
    return rest[:question], "?", rest[question + 1 :]


def _redact_query(query: str) -> str:
    kept: list[str] = []
    hiding = False
    for piece in query.split("&"):
        key, mark, _ = piece.partition("=")
        if mark and _decode(key).strip().lower() in _SECRET:
            kept.append(f"{key}=***")
            hiding = True
        elif not hiding or (mark and key.isidentifier()):  # else: a raw "&" in a password
            kept.append(piece)
    return "&".join(kept)


def _redact_pairs(conninfo: str) -> str:
    shown, at, hidden = "", 0, False
    while at < len(conninfo):
        start = at
        while at < len(conninfo) and conninfo[at] != "=" and not conninfo[at].isspace():
            at += 1
        key = conninfo[start:at]
        while at < len(conninfo) and conninfo[at].isspace():
            at += 1
        if not key and at > start:
            shown += conninfo[start:at]
            continue
        if at == len(conninfo) or conninfo[at] != "=":  # libpq stops here; it may be the rest of a password
            return shown + ("***" if hidden else conninfo[start:])
        at += 1
        while at < len(conninfo) and conninfo[at].isspace():
            at += 1
        value = at
        quoted = conninfo[at : at + 1] == "'"
        at += quoted
        while at < len(conninfo) and not (conninfo[at] == "'" if quoted else conninfo[at].isspace()):
            at += 2 if conninfo[at] == "\\" else 1
        at = min(at + quoted, len(conninfo))
        if key.lower() in _SECRET:
            shown += conninfo[start:value] + "***"
            hidden = True
        else:
            shown += conninfo[start:at]
    return shown


def _decode(text: str) -> str:
    """Undo percent-encoding, one character a byte: enough to recognise ASCII, without urllib's import."""
    first, *pieces = text.split("%")
    for piece in pieces:
        try:
            first += chr(int(piece[:2], 16)) + piece[2:]
        except ValueError:
            first += "%" + piece
    return first


def with_database(url: str, name: str) -> str:
    """Return the settings with another database.

    >>> with_database("postgresql://u:p@h:1/d?sslmode=require", "postgres")
    'postgresql://u:p@h:1/postgres?sslmode=require'
    >>> with_database("host=h dbname=d", "postgres")
    'host=h dbname=d dbname=postgres'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return f"{url} dbname={name}"
    head, question, query = _cut(rest)
    query = "&".join(piece for piece in query.split("&") if not piece.startswith("dbname="))
    return f"{scheme}{mark}{head.partition('/')[0]}/{name}{question if query else ''}{query}"


def database_of(url: str) -> str:
    """Return the name of the database that the settings say, or the empty text.

    >>> database_of("postgresql://u:p@h:1/d%20x?sslmode=require"), database_of("host=h dbname=d")
    ('d x', 'd')
    """
    _, mark, rest = url.partition("://")
    if mark:
        head, _, query = _cut(rest)
        named = [piece.partition("=")[2] for piece in query.split("&") if piece.startswith("dbname=")]
        return _decode(named[-1] if named else head.partition("/")[2])
    named = [pair.partition("=")[2] for pair in url.split() if pair.startswith("dbname=")]
    return named[-1].strip("'") if named else ""


def without_password(url: str) -> tuple[str, str]:
    """Return the settings without their password, and the password, for a program's command line.

    >>> without_password("postgresql://u:p%40ss@h:1/d")
    ('postgresql://u@h:1/d', 'p@ss')
    >>> without_password("host=h password=x")
    ('host=h password=x', '')
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url, ""
    head, question, query = _cut(rest)
    login, at, location = head.rpartition("@")
    user, _, password = login.partition(":")
    return f"{scheme}{mark}{user}{at}{location}{question}{query}", _decode(password)
