"""A report as metrics in Prometheus' text format, for a collector that reads files."""

from schemata.parity.reports import listing, report
from schemata.report import prometheus


def text(result: report.Report) -> str:
    """Return the metrics. A target that could not be asked has no count: an old or empty one would look like parity."""
    differences, ignored, asked, checked = [], [], [], []
    for one in result.outcomes:
        name = {"target": one.name}
        asked.append(prometheus.line("schemata_parity_asked", name, int(one.asked)))
        checked.append(prometheus.line("schemata_parity_checked_timestamp_seconds", name, result.checked_at))
        if one.asked:
            for schema, counts in one.counts.items():
                labels = {**name, "schema": listing.name_of(schema)}
                for severity, count in counts.items():
                    line = prometheus.line("schemata_parity_differences", {**labels, "severity": severity}, count)
                    differences.append(line)
                ignored.append(prometheus.line("schemata_parity_ignored", labels, one.ignored_counts[schema]))
    metrics = (
        (
            "schemata_parity_differences",
            "Differences from the expected structure, except ignored ones.",
            differences,
        ),
        ("schemata_parity_ignored", "Differences that a rule of what to ignore has hidden.", ignored),
        ("schemata_parity_asked", "1 if the target could be asked, 0 if not.", asked),
        ("schemata_parity_checked_timestamp_seconds", "When the target was last asked, or tried to.", checked),
    )
    return "".join(prometheus.metric(*metric) for metric in metrics)
