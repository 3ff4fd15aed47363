//! Foreign names.

use super::*;

#[test]
fn every_foreign_name_becomes_a_tag() {
    for (name, expected) in [
        ("Win.Trojan.Agent-1234", "clamav:win.trojan.agent-1234"),
        ("{HEX}php.gzbase64.inject.452", "clamav:-hex-php.gzbase64.inject.452"),
        ("YARA.Ünï(x)", "clamav:yara.-n--x-"),
    ] {
        assert_eq!(tag("clamav", name).unwrap().as_str(), expected);
    }
    assert_eq!(tag("clamav", &"x".repeat(200)).unwrap().as_str().len(), MAX_TAG_BYTES);
}
