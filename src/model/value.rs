//! Canonical values: one indicator has one spelling.

use std::fmt;
use std::net::IpAddr;

use super::canonical::{address, name, refang, text};
use super::{IndicatorId, Kind};

/// The longest input that is looked at, in bytes.
const MAX_RAW_BYTES: usize = 8 * 1024;

/// A kind and a value in canonical form, by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    kind: Kind,
    text: String,
}

impl Value {
    /// Brings a value of a known kind into canonical form, or says why it is none.
    ///
    /// Refangs (`hxxp`, `[.]`, `(dot)`), trims, and then: addresses as in RFC 5952
    /// with v4-mapped as IPv4, networks with host bits cleared, domains as
    /// lower-case A-labels, URLs by the WHATWG parser without default port and
    /// fragment, hashes in lower-case hexadecimal, e-mail with a lower-case domain.
    pub fn parse(kind: &Kind, raw: &str) -> Result<Self, NotCanonical> {
        if raw.len() > MAX_RAW_BYTES {
            return Err(NotCanonical::TooLong { limit: MAX_RAW_BYTES });
        }
        let raw = refang::refang(raw);
        let raw = raw.trim();
        if raw.is_empty() {
            return Err(NotCanonical::Empty);
        }
        let text = match kind {
            Kind::Ip => address::ip(raw)?.to_string(),
            Kind::Cidr => address::cidr(raw)?.to_string(),
            Kind::Domain => name::domain(raw)?,
            Kind::Url => name::url(raw)?,
            Kind::Email => name::email(raw)?,
            Kind::Md5 => text::hash(raw, 32)?,
            Kind::Sha1 => text::hash(raw, 40)?,
            Kind::Sha256 => text::hash(raw, 64)?,
            Kind::Sha512 => text::hash(raw, 128)?,
            Kind::Custom(_) => text::custom(raw)?,
        };
        Ok(Self { kind: kind.clone(), text })
    }

    /// Finds out the kind of a value that a person typed, most specific first.
    /// Custom kinds are never guessed.
    pub fn guess(raw: &str) -> Result<Self, NotCanonical> {
        let refanged = refang::refang(raw);
        let trimmed = refanged.trim();
        let hash = match trimmed.len() {
            32 => Some(Kind::Md5),
            40 => Some(Kind::Sha1),
            64 => Some(Kind::Sha256),
            128 => Some(Kind::Sha512),
            _ => None,
        };
        let candidates =
            hash.into_iter().chain([Kind::Ip, Kind::Cidr, Kind::Url, Kind::Email, Kind::Domain]);
        for kind in candidates {
            if let Ok(value) = Self::parse(&kind, trimmed) {
                return Ok(value);
            }
        }
        Err(if trimmed.is_empty() { NotCanonical::Empty } else { NotCanonical::NoKind })
    }

    /// An address, with v4-mapped as IPv4.
    pub fn from_ip(ip: IpAddr) -> Self {
        Self { kind: Kind::Ip, text: ip.to_canonical().to_string() }
    }

    /// The kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The indicator's id.
    pub fn id(&self) -> IndicatorId {
        IndicatorId::of(self)
    }

    /// The address, if the kind is `ip`.
    pub fn ip(&self) -> Option<IpAddr> {
        matches!(self.kind, Kind::Ip).then(|| self.text.parse().ok()).flatten()
    }

    /// The network, if the kind is `cidr`, or the address as a network of one, if it is `ip`.
    pub fn network(&self) -> Option<ipnet::IpNet> {
        match self.kind {
            Kind::Ip => self.text.parse::<IpAddr>().ok().map(ipnet::IpNet::from),
            Kind::Cidr => self.text.parse().ok(),
            _ => None,
        }
    }

    /// The host that the value names: of a domain, a URL or an e-mail address.
    /// A URL's address host has no name; see [`Value::host_ip`].
    pub fn host_name(&self) -> Option<&str> {
        let host = match self.kind {
            Kind::Domain => self.text.as_str(),
            Kind::Url => name::url_host(&self.text)?,
            Kind::Email => self.text.rsplit_once('@')?.1,
            _ => return None,
        };
        (address::ip(host.trim_matches(['[', ']'])).is_err()).then_some(host)
    }

    /// The address that the value names as its host: of an `ip`, or a URL such as `http://192.0.2.1/`.
    pub fn host_ip(&self) -> Option<IpAddr> {
        match self.kind {
            Kind::Ip => self.ip(),
            Kind::Url => address::ip(name::url_host(&self.text)?.trim_matches(['[', ']'])).ok(),
            _ => None,
        }
    }

    /// The text with `.` and `://` broken, so that nobody clicks on it.
    pub fn defanged(&self) -> String {
        match self.kind {
            Kind::Ip | Kind::Cidr | Kind::Domain | Kind::Email => self.text.replace('.', "[.]"),
            Kind::Url => {
                let (scheme, rest) = self.text.split_once(':').unwrap_or(("", &self.text));
                let scheme = scheme.replacen("tt", "xx", 1);
                let host = name::url_host(&self.text).unwrap_or_default();
                format!("{scheme}:{}", rest.replacen(host, &host.replace('.', "[.]"), 1))
            }
            _ => self.text.clone(),
        }
    }
}

/// The canonical text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:?}", self.kind, self.text)
    }
}

/// Why a text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// Nothing but white space.
    #[error("the value is empty")]
    Empty,
    /// Longer than its kind allows.
    #[error("the value is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not an address.
    #[error("not an IPv4 or IPv6 address")]
    NotAddress,
    /// Not a network.
    #[error("not a network such as 203.0.113.0/24 or 2001:db8::/48")]
    NotNetwork,
    /// Not a DNS name.
    #[error("not a domain name: {0}")]
    NotDomain(&'static str),
    /// Not a URL.
    #[error("not an absolute URL with a host: {0}")]
    NotUrl(&'static str),
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    NotEmail,
    /// Not a hash of this length.
    #[error("not {digits} hexadecimal digits")]
    NotHash {
        /// The number of digits.
        digits: usize,
    },
    /// Control, format or direction characters, which can hide what a value is.
    #[error("the value holds a control or formatting character")]
    HiddenCharacter,
    /// Fits no kind.
    #[error("not an address, network, domain, URL, e-mail address or hash; name its kind")]
    NoKind,
}
