//! The rules that come with the program, as the data files that they are.

use super::rules::Rules;

/// Each file, with its name for messages.
pub(super) const FILES: [(&str, &str); 10] = [
    ("clamav.toml", include_str!("../../config/detection/clamav.toml")),
    ("fail2ban.toml", include_str!("../../config/detection/fail2ban.toml")),
    ("http-error-log.toml", include_str!("../../config/detection/http-error-log.toml")),
    ("http-injection.toml", include_str!("../../config/detection/http-injection.toml")),
    ("http-probing.toml", include_str!("../../config/detection/http-probing.toml")),
    ("http-rate.toml", include_str!("../../config/detection/http-rate.toml")),
    ("netfilter.toml", include_str!("../../config/detection/netfilter.toml")),
    ("sshd.toml", include_str!("../../config/detection/sshd.toml")),
    ("suricata.toml", include_str!("../../config/detection/suricata.toml")),
    ("zeek.toml", include_str!("../../config/detection/zeek.toml")),
];

/// All of them. A file that cannot be read is left out, and a test fails on it.
pub(super) fn rules() -> Rules {
    FILES
        .iter()
        .filter_map(|(_, text)| Rules::parse(text).ok())
        .fold(Rules::default(), |all, more| all.clone().and(more).unwrap_or(all))
}
