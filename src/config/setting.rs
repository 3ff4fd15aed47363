//! The types that a setting can have, and how each is written.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use multiaddr::Multiaddr;

use crate::model::{Community, DAY, HOUR, Kind, Level, MINUTE, NodeId, Tag, Tlp, WEEK};

use super::problem::Wrong;
use super::section::Report;
use super::tree::Item;

/// A type that a key can have. What is wrong goes into the report.
pub(super) trait Setting: Sized {
    fn read(item: &Item, key: &str, report: &mut Report) -> Option<Self>;
}

/// A type that is written as one value.
pub(super) trait Single: Sized {
    fn single(item: &Item) -> Result<Self, Wrong>;
}

impl<T: Single> Setting for T {
    fn read(item: &Item, key: &str, report: &mut Report) -> Option<Self> {
        T::single(item).map_err(|wrong| report.wrong(key, &item.at, wrong)).ok()
    }
}

/// A list reports each of its entries that is wrong, not only the first.
impl<T: Single> Setting for Vec<T> {
    fn read(item: &Item, key: &str, report: &mut Report) -> Option<Self> {
        let items = item.list().map_err(|wrong| report.wrong(key, &item.at, wrong)).ok()?;
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| T::read(item, &format!("{key}[{}]", index + 1), report))
            .collect();
        read.into_iter().collect()
    }
}

impl<T: Single + Ord> Setting for BTreeSet<T> {
    fn read(item: &Item, key: &str, report: &mut Report) -> Option<Self> {
        Vec::read(item, key, report).map(|items: Vec<T>| items.into_iter().collect())
    }
}

impl Single for String {
    fn single(item: &Item) -> Result<Self, Wrong> {
        item.text().map(str::to_owned)
    }
}

impl Single for PathBuf {
    fn single(item: &Item) -> Result<Self, Wrong> {
        item.text().map(Self::from)
    }
}

impl Single for bool {
    fn single(item: &Item) -> Result<Self, Wrong> {
        item.boolean()
    }
}

impl Single for f64 {
    fn single(item: &Item) -> Result<Self, Wrong> {
        item.float()
    }
}

/// Whole numbers, within what the type can hold.
macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl Single for $type {
            fn single(item: &Item) -> Result<Self, Wrong> {
                let number = item.integer()?;
                Self::try_from(number).map_err(|_| {
                    let remedy = format!("use {} to {}", Self::MIN, Self::MAX);
                    Wrong::new(format!("{number} is out of bounds"), remedy)
                })
            }
        }
    )*};
}
whole_number!(u8, u32, u64, usize);

/// An empty text stands for "not set".
impl<T: Single> Single for Option<T> {
    fn single(item: &Item) -> Result<Self, Wrong> {
        if item.text().is_ok_and(str::is_empty) { Ok(None) } else { T::single(item).map(Some) }
    }
}

fn parsed<T: FromStr>(item: &Item, wanted: &str, remedy: &str) -> Result<T, Wrong> {
    let text = item.text()?;
    text.parse().map_err(|_| Wrong::not(text, wanted, remedy))
}

/// Types that are read from a text by their own parser.
macro_rules! from_text {
    ($($type:ty: $wanted:literal, $remedy:literal;)*) => {$(
        impl Single for $type {
            fn single(item: &Item) -> Result<Self, Wrong> {
                parsed(item, $wanted, $remedy)
            }
        }
    )*};
}
from_text! {
    Tlp: "a TLP marking", "use white, green, amber, amber+strict or red";
    Level: "a privacy level", "use strict, moderate or open";
    Kind: "a kind",
        "use ip, cidr, domain, url, email, md5, sha1, sha256, sha512 or x-<name>";
    Tag: "a tag", "use 1 to 64 lower-case letters, digits and . _ : / + -";
    IpNet: "a network", "write it like 10.0.0.0/8 or fd00::/8";
    SocketAddr: "an address with a port", "write it like 127.0.0.1:3033 or [::1]:3033";
    Multiaddr: "a multiaddr",
        "write it like /ip4/192.0.2.1/tcp/3031 or /dns/node.example.org/tcp/3031";
    NodeId: "the PeerId of an Ed25519 key",
        "it looks like 12D3KooW… and `dtim status` prints it";
}

impl Single for Community {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let text = item.text()?;
        Self::new(text).ok_or_else(|| {
            Wrong::not(text, "a community's name", "use 1 to 64 of a-z, 0-9, dot, _ and -")
        })
    }
}

/// A setting that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for its one user.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Enough to tell two apart, nothing to use.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash =
            blake3::derive_key("dtim 2026 fingerprint of a secret setting", self.0.as_bytes());
        let [a, b, ..] = hash;
        write!(f, "Secret({a:02x}{b:02x})")
    }
}

impl Single for Secret {
    fn single(item: &Item) -> Result<Self, Wrong> {
        String::single(item).map(Self)
    }
}

/// A duration: `"90s"`, `"30m"`, `"1h"`, `"14d"`, `"2w"`, or a whole number of seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) u64);

impl Single for Seconds {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let units = [("s", 1), ("m", MINUTE), ("h", HOUR), ("d", DAY), ("w", WEEK)];
        quantity(item, &units, "a duration", "write it like 90s, 30m, 1h, 14d or 2w").map(Self)
    }
}

/// A size: `"64MiB"`, or a whole number of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes(pub(super) u64);

impl Single for Bytes {
    fn single(item: &Item) -> Result<Self, Wrong> {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
        quantity(item, &units, "a size", "write it like 512KiB, 64MiB or 1GiB").map(Self)
    }
}

fn quantity(item: &Item, units: &[(&str, u64)], wanted: &str, remedy: &str) -> Result<u64, Wrong> {
    if let Ok(plain) = u64::single(item) {
        return Ok(plain);
    }
    let text = item.text()?;
    let amount = units.iter().find_map(|(unit, size)| {
        let digits = text.trim().strip_suffix(unit)?.trim_end();
        digits.parse::<u64>().ok()?.checked_mul(*size)
    });
    amount.ok_or_else(|| Wrong::not(text, wanted, remedy))
}
