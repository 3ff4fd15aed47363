//! What libp2p counts, in the format of Prometheus.

use std::collections::HashMap;

/// OpenMetrics to Prometheus text 0.0.4, which knows no `info`, `unknown`, UNIT,
/// EOF and exemplars, and names a counter's family with its `_total`.
pub(super) fn text_format(open_metrics: &str) -> String {
    // HELP stands before the TYPE that decides the name.
    let types: HashMap<&str, &str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    let mut page = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            page.extend(metadata(comment, &types));
        } else {
            let sample = line.rsplit_once(" # {").filter(|(sample, _)| ends_in_number(sample));
            page.push_str(sample.map_or(line, |(sample, _)| sample));
            page.push('\n');
        }
    }
    page
}

/// A line of HELP or TYPE; nothing for what 0.0.4 does not know.
fn metadata(comment: &str, types: &HashMap<&str, &str>) -> Option<String> {
    let (keyword, rest) = comment.split_once(' ')?;
    let (name, text) = rest.split_once(' ')?;
    let (suffix, kind) = match *types.get(name)? {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        other => ("", other),
    };
    match keyword {
        "HELP" => Some(format!("# HELP {name}{suffix} {text}\n")),
        "TYPE" => Some(format!("# TYPE {name}{suffix} {kind}\n")),
        _ => None,
    }
}

/// Whether a text is a whole sample: an exemplar's mark may also stand in a label's value.
fn ends_in_number(sample: &str) -> bool {
    sample.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok())
}
