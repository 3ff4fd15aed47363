//! Domains, URLs and e-mail addresses.

use url::Url;

use super::{address, text};
use crate::model::NotCanonical;

/// The longest domain name, in bytes (RFC 1035 section 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;
/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 2048;
/// The longest part before the `@`, in bytes (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// A DNS name in lower-case A-labels (UTS 46), without the trailing dot.
pub(in crate::model) fn domain(raw: &str) -> Result<String, NotCanonical> {
    if raw.chars().any(text::hides) {
        return Err(NotCanonical::HiddenCharacter);
    }
    let bare = raw.strip_suffix('.').unwrap_or(raw);
    if address::ip(bare).is_ok() {
        return Err(NotCanonical::NotDomain("it is an address"));
    }
    // Underscores are real in DNS (RFC 8552), so the STD 3 rules do not fit;
    // what may stand in a label is checked below.
    let ascii = idna::domain_to_ascii_cow(bare.as_bytes(), idna::AsciiDenyList::URL)
        .map_err(|_| NotCanonical::NotDomain("its labels are not valid"))?;
    let name = ascii.to_ascii_lowercase();
    if name.len() > MAX_DOMAIN_BYTES {
        return Err(NotCanonical::NotDomain("it is longer than 253 bytes"));
    }
    if !name.contains('.') {
        return Err(NotCanonical::NotDomain("it has no dot"));
    }
    if !name.split('.').all(label) {
        return Err(NotCanonical::NotDomain(
            "a label is empty, too long or holds a wrong character",
        ));
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
        // WHATWG URL section 3.4: a name that ends in a number is an IPv4 address.
        return Err(NotCanonical::NotDomain("its last label is a number"));
    }
    Ok(name)
}

fn label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// An absolute URL with a host, as the WHATWG parser writes it, without fragment and credentials.
pub(in crate::model) fn url(raw: &str) -> Result<String, NotCanonical> {
    if raw.chars().any(text::hides) {
        return Err(NotCanonical::HiddenCharacter);
    }
    let mut url = Url::parse(raw).map_err(|_| NotCanonical::NotUrl("it does not parse"))?;
    if !matches!(url.scheme(), "http" | "https" | "ftp" | "ws" | "wss") {
        return Err(NotCanonical::NotUrl("its scheme is not http, https, ftp, ws or wss"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotCanonical::NotUrl("it holds a user name or password"));
    }
    url.set_fragment(None);
    if let Some(host) = url.domain().map(str::to_owned) {
        let canonical = domain(&host)?;
        if canonical != host {
            url.set_host(Some(&canonical))
                .map_err(|_| NotCanonical::NotUrl("its host is wrong"))?;
        }
    } else if let Some(url::Host::Ipv6(v6)) = url.host()
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        url.set_ip_host(v4.into()).map_err(|()| NotCanonical::NotUrl("its host is wrong"))?;
    }
    let text = String::from(url);
    if text.len() > MAX_URL_BYTES {
        return Err(NotCanonical::TooLong { limit: MAX_URL_BYTES });
    }
    Ok(text)
}

/// The host of a canonical URL, brackets included.
pub(in crate::model) fn url_host(canonical: &str) -> Option<&str> {
    let rest = canonical.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    if authority.starts_with('[') {
        return authority.find(']').and_then(|end| authority.get(..=end));
    }
    authority.split(':').next()
}

/// An e-mail address: the part before the `@` as it is, the domain in lower-case A-labels.
pub(in crate::model) fn email(raw: &str) -> Result<String, NotCanonical> {
    if raw.chars().any(text::hides) {
        return Err(NotCanonical::HiddenCharacter);
    }
    let (local, host) = raw.rsplit_once('@').ok_or(NotCanonical::NotEmail)?;
    // RFC 5322 dot-atom: quoted local parts are real but nobody receives mail on them.
    let atom =
        |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b) || b >= 0x80;
    let fits = (1..=MAX_LOCAL_BYTES).contains(&local.len())
        && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
    if !fits {
        return Err(NotCanonical::NotEmail);
    }
    let host = domain(host).map_err(|_| NotCanonical::NotEmail)?;
    Ok(format!("{local}@{host}"))
}
