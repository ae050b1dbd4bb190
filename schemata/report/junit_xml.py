"""JUnit XML: what CI systems show as tests, from the answers of a command."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree


class Case(NamedTuple):
    """One answer.

    :param group: what it belongs to, below the suite.
    :param problem: empty where all is well.
    :param skipped: why it was not asked; empty where it was.
    """

    group: str
    name: str
    seconds: float
    problem: str = ""
    skipped: str = ""


def document(suite: str, cases: Sequence[Case]) -> str:
    """Return a document of one suite."""
    element = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(bool(one.problem) for one in cases)),
        errors="0",
        skipped=str(sum(bool(one.skipped) for one in cases)),
    )
    for one in cases:
        case = ElementTree.SubElement(
            element, "testcase", classname=f"{suite}.{one.group}", name=one.name, time=f"{one.seconds:.3f}"
        )
        if one.problem:
            ElementTree.SubElement(case, "failure", message=one.problem).text = one.problem
        elif one.skipped:
            ElementTree.SubElement(case, "skipped", message=one.skipped)
    root = ElementTree.Element("testsuites")
    root.append(element)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
