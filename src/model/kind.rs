//! The kinds of indicator.

use std::fmt;
use std::str::FromStr;

/// What sort of thing an indicator names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One IPv4 or IPv6 address.
    Ip,
    /// An IPv4 or IPv6 network.
    Cidr,
    /// A DNS name.
    Domain,
    /// An absolute URL.
    Url,
    /// An e-mail address.
    Email,
    /// The MD5 of a file.
    Md5,
    /// The SHA-1 of a file.
    Sha1,
    /// The SHA-256 of a file.
    Sha256,
    /// The SHA-512 of a file.
    Sha512,
    /// A kind that its users agreed on, written `x-<name>`.
    Custom(CustomKind),
}

impl Kind {
    /// Every kind that is not custom, in the order in which they are listed to people.
    pub const BUILT_IN: [Self; 9] = [
        Self::Ip,
        Self::Cidr,
        Self::Domain,
        Self::Url,
        Self::Email,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
    ];

    /// The name on the wire, in files and on the command line.
    pub fn name(&self) -> &str {
        match self {
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Email => "email",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Custom(custom) => custom.as_str(),
        }
    }

    /// The name in a metric label: custom kinds share one, so labels stay bounded.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Email => "email",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Custom(_) => "custom",
        }
    }

    /// Whether the value is a file hash.
    pub fn is_hash(&self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1 | Self::Sha256 | Self::Sha512)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = BadKind;

    fn from_str(name: &str) -> Result<Self, BadKind> {
        if let Some(kind) = Self::BUILT_IN.iter().find(|kind| kind.name() == name) {
            return Ok(kind.clone());
        }
        CustomKind::new(name).map(Self::Custom)
    }
}

/// The name of a custom kind: `x-` and 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomKind(String);

impl CustomKind {
    /// Checks the whole name, the `x-` included.
    pub fn new(name: &str) -> Result<Self, BadKind> {
        let rest = name.strip_prefix("x-").ok_or_else(|| BadKind(name.to_owned()))?;
        let fits = (1..=32).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(BadKind(name.to_owned())) }
    }

    /// The whole name, the `x-` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that is not a kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a kind: use ip, cidr, domain, url, email, md5, sha1, sha256, sha512 or x-<name>"
)]
pub struct BadKind(pub String);
