//! The page for Prometheus, as Prometheus's own tool judges it.

use dtim::metrics::Metrics;
use libp2p::gossipsub;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge, info::Info};

use crate::operations::promtool;
use crate::source::{files, none};

/// Everything that can be on the page: own families with a sample each, and what
/// libp2p registers, an `info` and a counter among it.
fn full_page() -> String {
    let metrics = Metrics::new();
    metrics.lines.with_label_values(&["ufw"]).inc();
    metrics.claims.with_label_values(&["gossip", "accept"]).inc();
    metrics.store_write_seconds.observe(0.02);
    metrics.with_libp2p(|registry| {
        let libp2p = registry.sub_registry_with_prefix("libp2p");
        libp2p::metrics::Metrics::new(libp2p);
        let config = gossipsub::ConfigBuilder::default()
            .validation_mode(gossipsub::ValidationMode::Anonymous)
            .build()
            .unwrap();
        let _behaviour: gossipsub::Behaviour =
            gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config)
                .unwrap()
                .with_metrics(
                    libp2p.sub_registry_with_prefix("gossipsub"),
                    gossipsub::MetricsConfig::default(),
                );
        let info = Info::new(vec![("version", "1 # {not an exemplar}")]);
        registry.register("sample_library", "A sample", info);
        let counter: Counter = Counter::default();
        counter.inc();
        registry.register("sample_events", "A sample", counter);
        let gauge: Gauge = Gauge::default();
        let unit = prometheus_client::registry::Unit::Bytes;
        registry.register_with_unit("sample_size", "A sample", unit, gauge);
    });
    metrics.page()
}

#[test]
fn promtool_accepts_the_page() {
    promtool(&["check", "metrics"], &full_page());
}

#[test]
fn libp2p_s_families_keep_their_type_and_name() {
    let page = full_page();
    for line in [
        "# TYPE sample_events_total counter",
        "sample_events_total 1",
        "# TYPE sample_library_info gauge",
        "sample_library_info{version=\"1 # {not an exemplar}\"} 1",
        "# TYPE sample_size_bytes gauge",
        "dtim_watch_lines_total{source=\"ufw\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line:?} is not in\n{page}");
    }
    assert!(!page.contains("# EOF") && !page.contains("# UNIT"), "{page}");
    assert!(page.contains("dtim_build_info{version=\""), "{page}");
    assert!(page.contains("process_resident_memory_bytes"), "{page}");
}

#[test]
fn every_counter_is_counted_somewhere() {
    let all = files(&["src"]);
    let (own, others): (Vec<_>, Vec<_>) =
        all.iter().partition(|file| file.module().first().is_some_and(|name| name == "metrics"));
    let fields = own.iter().flat_map(|file| file.code()).filter_map(|(_, line)| {
        let (name, kind) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
        kind.ends_with(',').then_some(name)
    });
    let used = |field: &str| {
        let name = format!(".{field}");
        others.iter().any(|file| file.production().any(|(_, line)| line.contains(&name)))
    };
    let unused: Vec<String> = fields
        .filter(|field| !used(field))
        .map(|field| format!("src/metrics: nobody counts {field}"))
        .collect();
    none(&unused);
}
