//! Signed requests: what verifies, and what does not.

use super::{BadSignature, Headers, Nonces, Request, Signer, WINDOW, base, sign, verify};
use crate::keys::Identity;
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp(1_790_000_000);
const BODY: &[u8] = br#"{"public_key":"x"}"#;

fn identity() -> Identity {
    Identity::from_seed([7; 32])
}

fn post(body: &[u8]) -> Request<'_> {
    Request {
        method: "POST",
        path: "/api/v1/nodes/register",
        query: "",
        authority: "registry.example.org:3030",
        body,
    }
}

fn signed(request: &Request<'_>) -> Headers {
    sign(request, &identity(), NOW, "bm9uY2U=")
}

/// Signs over components and parameters of the test's own.
fn signed_over(request: &Request<'_>, names: &[&str], params: &str) -> Headers {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let digest = Some(super::digest::of(request.body));
    let params = format!("({}){params}", names.join(" "));
    let names = names.iter().map(|name| (*name).to_owned());
    let base = base(names, request, digest.as_deref(), &params).unwrap();
    let signature = base64.encode(identity().sign(base.as_bytes()));
    Headers { digest, input: format!("x={params}"), signature: format!("x=:{signature}:") }
}

fn keyid() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(identity().node_id().public_key())
}

#[test]
fn what_is_signed_verifies_and_names_its_signer() {
    let get = Request { method: "GET", query: "limit=5", body: b"", ..post(b"") };
    for request in [post(BODY), get] {
        let headers = signed(&request);
        assert_eq!(headers.digest.is_some(), !request.body.is_empty());
        let signer = verify(&request, &headers, NOW).unwrap();
        let expected =
            Signer { node: identity().node_id(), created: NOW, nonce: "bm9uY2U=".to_owned() };
        assert_eq!(signer, expected);
    }
}

#[test]
fn the_base_is_the_one_of_the_rfc() {
    // RFC 9421, section 2.5, with the components that this protocol knows.
    let request = Request {
        method: "POST",
        path: "/foo",
        query: "param=Value&Pet=dog",
        authority: "Example.com",
        body: b"{\"hello\": \"world\"}",
    };
    let digest = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    let names = ["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\"", "\"content-digest\""];
    let params = "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created=1618884473;keyid=\"test-key-rsa-pss\"";
    let names = names.into_iter().map(str::to_owned);
    let expected = format!(
        "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /foo\n\
         \"@query\": ?param=Value&Pet=dog\n\"content-digest\": {digest}\n\
         \"@signature-params\": {params}"
    );
    assert_eq!(base(names, &request, Some(digest), params), Ok(expected));
    assert!(super::digest::fits(digest, request.body), "the RFC's own digest");
}

#[test]
fn another_program_s_signature_verifies() {
    // Made by PyPI's http-message-signatures 3.0.0 with the same key.
    let headers = Headers {
        digest: Some("sha-256=:6NoLsnZqCnvNfxmFIOhRug3wz1n1UJ3lWPojcw2uu5E=:".to_owned()),
        input: "pyhms=(\"@method\" \"@path\" \"content-digest\");created=1790000000;\
            keyid=\"6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\";alg=\"ed25519\";\
            nonce=\"bm9uY2U=\""
            .to_owned(),
        signature: "pyhms=:sAXqUkN37AYCysn0s/WgOc0btN8XHxkw/pBb60tGSPUkrskhQTfWMk5E/\
            v23mnS3W40bmAl72QX03ttqtiDICg==:"
            .to_owned(),
    };
    assert_eq!(verify(&post(BODY), &headers, NOW).unwrap().node, identity().node_id());
}

#[test]
fn any_change_of_what_is_covered_is_noticed() {
    let request = post(BODY);
    let headers = signed(&request);
    let other = br#"{"public_key":"y"}"#;
    for (changed, why) in [
        (Request { method: "PUT", ..request }, BadSignature::Wrong),
        (Request { path: "/api/v1/peers", ..request }, BadSignature::Wrong),
        (Request { authority: "other.example.org", ..request }, BadSignature::Wrong),
        (Request { body: other, ..request }, BadSignature::Digest),
    ] {
        assert_eq!(verify(&changed, &headers, NOW), Err(why));
    }
    let other = Headers { digest: Some(super::digest::of(other)), ..headers.clone() };
    assert_eq!(verify(&request, &other, NOW), Err(BadSignature::Wrong));
    let without = Headers { digest: None, ..headers.clone() };
    assert_eq!(verify(&request, &without, NOW), Err(BadSignature::Digest));
    let input = headers.input.replace("created=179", "created=178");
    let older = Headers { input, ..headers };
    assert_eq!(verify(&request, &older, NOW.minus(10_000_000)), Err(BadSignature::Wrong));
}

#[test]
fn the_order_of_the_parameters_is_the_signers() {
    let request = post(BODY);
    let names = ["\"content-digest\"", "\"@path\"", "\"@method\""];
    let params = format!(
        ";keyid=\"{}\";tag=\"dtim\";nonce=\"n\";unknown=?1;created={}",
        keyid(),
        NOW.seconds()
    );
    let headers = signed_over(&request, &names, &params);
    assert_eq!(verify(&request, &headers, NOW).unwrap().node, identity().node_id());
}

#[test]
fn what_must_be_covered_and_said_is() {
    let (request, key, now) = (post(BODY), keyid(), NOW.seconds());
    let all = ["\"@method\"", "\"@path\"", "\"content-digest\""];
    let whole = format!(";created={now};nonce=\"n\";keyid=\"{key}\"");
    assert!(verify(&request, &signed_over(&request, &all, &whole), NOW).is_ok());
    for left_out in 0..3 {
        let mut names = all.to_vec();
        names.remove(left_out);
        let headers = signed_over(&request, &names, &whole);
        assert_eq!(verify(&request, &headers, NOW), Err(BadSignature::Components));
    }
    for params in [
        format!(";created={now};keyid=\"{key}\""),
        format!(";nonce=\"n\";keyid=\"{key}\""),
        format!(";created={now};nonce=\"n\""),
        format!(";created={now};nonce=\"\";keyid=\"{key}\""),
        format!(";created={now};nonce=\"{}\";keyid=\"{key}\"", "n".repeat(129)),
        format!(";created={now};nonce=\"n\";keyid=\"{key}\";alg=\"hmac-sha256\""),
        format!(";created={now};nonce=\"n\";keyid=\"not a key\""),
    ] {
        let headers = signed_over(&request, &all, &params);
        assert_eq!(verify(&request, &headers, NOW), Err(BadSignature::Parameters), "{params}");
    }
    let expired = format!("{whole};expires={}", now - 1);
    let headers = signed_over(&request, &all, &expired);
    assert_eq!(verify(&request, &headers, NOW), Err(BadSignature::Time));
}

#[test]
fn a_signature_holds_for_five_minutes_either_way() {
    let request = post(BODY);
    let headers = signed(&request);
    for (now, fits) in [
        (NOW.plus(WINDOW), true),
        (NOW.minus(WINDOW), true),
        (NOW.plus(WINDOW + 1), false),
        (NOW.minus(WINDOW + 1), false),
    ] {
        let expected = if fits { Ok(NOW) } else { Err(BadSignature::Time) };
        assert_eq!(verify(&request, &headers, now).map(|signer| signer.created), expected);
    }
}

#[test]
fn anything_else_in_the_headers_is_refused_and_never_a_panic() {
    let request = post(BODY);
    let good = signed(&request);
    let long = format!("{};x=\"{}\"", good.input, "y".repeat(2048));
    let two = format!("{}, b=(\"@method\")", good.input);
    for input in
        ["", "dtim", "dtim=1", "dtim=(", "dtim=();created=-1", "dtim=(\"@bogus\")", &long, &two]
    {
        let headers = Headers { input: input.to_owned(), ..good.clone() };
        assert!(verify(&request, &headers, NOW).is_err(), "{input}");
    }
    for signature in ["", "dtim", "dtim=1", "dtim=:AAAA:", "other=:AAAA:"] {
        let headers = Headers { signature: signature.to_owned(), ..good.clone() };
        assert!(verify(&request, &headers, NOW).is_err(), "{signature}");
    }
    for digest in ["", "sha-256", "md5=:AAAA:", "sha-256=:AAAA:", "sha-512=:AAAA:"] {
        assert!(!super::digest::fits(digest, BODY), "{digest}");
    }
}

#[test]
fn a_nonce_is_good_once_and_the_memory_of_them_is_bounded() {
    let mut nonces = Nonces::new(3);
    let signer = |nonce: &str, created| Signer {
        node: identity().node_id(),
        created,
        nonce: nonce.to_owned(),
    };
    let first = signer("a", NOW);
    assert_eq!(nonces.first(&first, NOW), Ok(()));
    assert_eq!(nonces.first(&first, NOW.plus(WINDOW)), Err(BadSignature::Replayed));
    let stranger = Signer { node: Identity::from_seed([8; 32]).node_id(), ..first.clone() };
    assert_eq!(nonces.first(&stranger, NOW), Ok(()), "a nonce is its signer's own");
    // Later the signature itself is too old, and nothing is kept of it.
    assert_eq!(nonces.first(&signer("b", NOW.plus(WINDOW)), NOW.plus(WINDOW + 1)), Ok(()));
    assert_eq!(nonces.len(), 1);
    for nonce in ["c", "d", "e", "f"] {
        assert_eq!(nonces.first(&signer(nonce, NOW.plus(999)), NOW.plus(999)), Ok(()));
        assert!(nonces.len() <= 3);
    }
}
