//! Percentiles and what a run cost.

use crate::mesh::Mesh;

/// The value below which so many percent of the sorted values lie.
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[((sorted.len() - 1) * percent).div_ceil(100)]
}

/// `p50 1.2 ms, p99 3.4 ms, most 5.6 ms`
pub fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let [p50, p99, most] = [50, 99, 100].map(|percent| percentile(&values, percent));
    format!("p50 {p50:.0} ms, p99 {p99:.0} ms, most {most:.0} ms")
}

/// Bytes of one claim, by what has come to a node: without topic and framing.
pub fn claim_bytes(mesh: &Mesh) -> f64 {
    const ENVELOPE: f64 = "/dtim/1/mesh/claims".len() as f64 + 5.0;
    let sum = |name: &str| mesh.nodes.iter().map(|node| node.metric(name)).sum::<f64>();
    let count = sum("gossipsub_topic_msg_recv_counts_total");
    sum("gossipsub_topic_msg_recv_bytes_total") / count - ENVELOPE
}

/// What gossip has cost since another look.
pub struct Cost {
    received: f64,
    new: f64,
    sent: Vec<u64>,
}

impl Cost {
    /// Up to now.
    pub fn of(mesh: &Mesh) -> Self {
        // Before the metrics are read, which adds nothing to the cables: it stays inside.
        let sent = mesh.net.sent();
        let sum = |name: &str| mesh.nodes.iter().map(|node| node.metric(name)).sum();
        Self {
            received: sum("gossipsub_topic_msg_recv_counts_unfiltered_total"),
            new: sum("gossipsub_topic_msg_recv_counts_total"),
            sent,
        }
    }

    /// Two lines: copies of each message that a node got, bytes of each node.
    pub fn since(&self, before: &Self, claims: usize) -> [String; 2] {
        let copies = (self.received - before.received) / (self.new - before.new);
        let pairs = self.sent.iter().zip(&before.sent);
        let mut sent: Vec<f64> = pairs.map(|(now, then)| (now - then) as f64).collect();
        let all: f64 = sent.iter().sum();
        let mean = all / sent.len() as f64;
        sent.sort_by(f64::total_cmp);
        let (least, most) = (sent[0], percentile(&sent, 100));
        [
            format!("copies of a message at a node: {copies:.2} (duplicates {:.2})", copies - 1.0),
            format!(
                "bytes sent by a node, headers and all: mean {:.0} kB, {:.0} to {:.0} kB; \
                 {:.0} B a claim",
                mean / 1e3,
                least / 1e3,
                most / 1e3,
                mean / claims as f64
            ),
        ]
    }
}
