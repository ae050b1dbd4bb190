"""The names of one generated module: what it imports, under which name, and what its classes may call things."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable

_NOT_A_WORD = re.compile(r"\W")
#: SQLAlchemy keeps these for itself on every mapped class, and `self` is not to be had as a keyword argument.
_RESERVED = ("metadata", "registry", "type_annotation_map", "self")


def identifier(name: str) -> str:
    """Return the nearest valid Python identifier.

    >>> identifier("2 fast"), identifier("class"), identifier("größe")
    ('_2_fast', 'class_', 'größe')
    """
    # Python normalises identifiers so, and so would mix up two that we take for different.
    word = _NOT_A_WORD.sub("_", unicodedata.normalize("NFKC", name)) or "_"
    word = word if word.isidentifier() else f"_{word}"
    return f"{word}_" if keyword.iskeyword(word) else word


def class_name(name: str) -> str:
    """Return the name of a class for a table or type.

    >>> class_name("invoice_lines")
    'InvoiceLines'
    """
    word = _NOT_A_WORD.sub("_", unicodedata.normalize("NFKC", name))
    return identifier("".join(part[:1].upper() + part[1:] for part in word.split("_")))


def attribute(name: str) -> str:
    """Return the name of a column's attribute on a class.

    >>> attribute("metadata"), attribute("__secret"), attribute("uuid")
    ('metadata_', 'c__secret', 'uuid')
    """
    word = identifier(name)
    if word.startswith(("__", "_sa_")):
        word = f"c{word}"  # two underscores are mangled, and _sa_ is SQLAlchemy's
    return f"{word}_" if word in _RESERVED else word


def free(name: str, taken: Collection[str]) -> str:
    """Return the name, with as many underscores behind it as it takes to be the only one.

    >>> free("users", {"users"})
    'users_'
    """
    while name in taken:
        name += "_"
    return name


class Scope:
    """The imports of one module.

    A class body sees its own attributes first, so an imported name that is an attribute of any class in the module
    gets an underscore: a column `uuid` must not hide the module from the next column's annotation.
    """

    def __init__(self, package: str, taken: Iterable[str]) -> None:
        self.package = package
        self._taken = set(taken)
        self._local: dict[tuple[str, str], str] = {}

    def name(self, module: str, name: str) -> str:
        """Return the local name of something that a module holds, and import it."""
        return self._import(module, name)

    def module(self, module: str) -> str:
        """Return the local name of a module of the standard library, and import it."""
        return self._import("", module)

    def builtin(self, name: str) -> str:
        """Return the local name of a builtin; it is imported only where an attribute hides it."""
        return self._import("builtins", name)

    def sibling(self, module: str) -> str:
        """Return the local name of another module of the package, and import it."""
        return self._import(self.package, module)

    def _import(self, module: str, name: str) -> str:
        if (module, name) not in self._local:
            self._local[module, name] = free(name, self._taken | set(self._local.values()))
        return self._local[module, name]

    def imports(self) -> str:
        """Return the import statements: the standard library, SQLAlchemy, the package's own."""
        groups: list[list[str]] = [[], [], []]
        whole = sorted((name, local) for (module, name), local in self._local.items() if not module)
        listed: dict[str, list[str]] = {}
        for (module, name), local in sorted(self._local.items()):
            if module and not (module == "builtins" and local == name):
                listed.setdefault(module, []).append(name if local == name else f"{name} as {local}")
        for module, names in listed.items():
            top = module.partition(".")[0]
            at = 1 if top == "sqlalchemy" else 2 if module == self.package or top.startswith(self.package) else 0
            groups[at].append(f"from {module} import {', '.join(names)}")
        groups[0] += [f"import {name}" if local == name else f"import {name} as {local}" for name, local in whole]
        return "\n\n".join("\n".join(group) for group in groups if group)
