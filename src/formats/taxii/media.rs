//! Media types and their negotiation (TAXII 2.1 sections 1.6.8 and 3.2, RFC 9110).

/// What every answer is.
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// What the objects of our collections are.
pub const STIX_MEDIA_TYPE: &str = "application/stix+json;version=2.1";

/// Whether who sent this `Accept` takes [`MEDIA_TYPE`]. Without a version it takes the
/// newest; without the header it takes anything.
#[must_use]
pub fn accepts(accept: Option<&str>) -> bool {
    accept.is_none_or(|accept| accept.split(',').any(takes))
}

/// Whether a body of this `Content-Type` is a TAXII 2.1 message.
#[must_use]
pub fn is_taxii(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| {
        let (essence, parameters) = split(text);
        essence.eq_ignore_ascii_case("application/taxii+json") && is_our_version(parameters)
    })
}

fn takes(range: &str) -> bool {
    let (essence, parameters) = split(range);
    let refused = parameters.split(';').any(|parameter| {
        let quality = value_of(parameter, "q").and_then(|quality| quality.parse::<f32>().ok());
        quality.is_some_and(|quality| quality <= 0.0)
    });
    let fits = match essence.to_ascii_lowercase().as_str() {
        "*/*" | "application/*" => true,
        "application/taxii+json" => is_our_version(parameters),
        _ => false,
    };
    fits && !refused
}

fn is_our_version(parameters: &str) -> bool {
    let mut versions = parameters.split(';').filter_map(|one| value_of(one, "version"));
    versions.all(|version| version == "2.1")
}

fn split(text: &str) -> (&str, &str) {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    (essence.trim(), parameters)
}

/// The value of a parameter of that name, without its quotes.
fn value_of<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = parameter.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
}
