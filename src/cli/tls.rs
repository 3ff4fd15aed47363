//! `dtim tls`: the certificates that others see.

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Global;
use super::failure::Failure;
use super::master;
use super::output::Output;
use super::settings::Settings;
use super::table::facts;
use super::view::{items, text};
use crate::keys::files;
use crate::node::now;
use crate::tls::{self, Described, TlsError, describe_pem};

/// See the certificates of the public listener
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim tls ca > dtim-ca.pem            what clients need to trust this node
  dtim tls show                        what they see, and until when it is good")]
pub(super) enum TlsCommand {
    /// Print the certificate of this node's own CA, which clients are given to trust
    #[command(
        after_help = "It is made at first need. The certificates that it signs are renewed by themselves.

Examples:
  dtim tls ca > dtim-ca.pem
  curl --cacert dtim-ca.pem https://localhost:3030/api/openapi.json
  dtim tls ca --json | jq -r .fingerprint"
    )]
    Ca,
    /// Show the certificates with names, fingerprints and ends
    #[command(after_help = "Other nodes see the certificate of this node's identity instead, \
and know it by its PeerId.

Examples:
  dtim tls show
  dtim tls show --json | jq .certificates[].until")]
    Show,
}

impl TlsCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let settings = Settings::load(global, output)?;
        let tls = tls::Settings::of(settings.config());
        match self {
            Self::Ca => ca(&settings, &tls, output),
            Self::Show => show(&tls, output),
        }
    }
}

fn ca(settings: &Settings, tls: &tls::Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let pem = match tls.authority()? {
        Some(pem) => pem,
        None => {
            let config = settings.config();
            let master = master::source(config, false, output)?;
            let keys = files::load(&config.node.data_dir.join("keys"), &master)
                .map_err(Failure::failed)?;
            tls.make_authority(&keys.sealer, now())?
        }
    };
    let pem = String::from_utf8_lossy(&pem).into_owned();
    let mut answer = describe_pem(pem.as_bytes()).first().map(|ca| told("ca", ca));
    let answer = answer.get_or_insert_default();
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("pem".to_owned(), pem.clone().into());
    }
    output.answer(answer, |output, _| {
        for line in pem.lines() {
            output.line(line)?;
        }
        Ok(())
    })
}

fn show(tls: &tls::Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut certificates = Vec::new();
    for (what, pem) in [("server", tls.shown()?), ("ca", tls.authority()?)] {
        let pem = pem.unwrap_or_default();
        certificates.extend(describe_pem(&pem).iter().map(|described| told(what, described)));
    }
    let answer = json!({ "certificates": certificates });
    output.answer(&answer, |output, answer| {
        let all = items(answer, "/certificates");
        if all.is_empty() {
            output.note("none was made yet: set [api] listen and start the node");
        }
        for (index, certificate) in all.iter().enumerate() {
            if index > 0 {
                output.line("")?;
            }
            one(output, certificate)?;
        }
        Ok(())
    })
}

fn one(output: &mut Output<'_>, certificate: &Value) -> Result<(), Failure> {
    facts(
        output,
        &[
            ("certificate", text(certificate, "/certificate")),
            ("subject", text(certificate, "/subject")),
            ("signed by", text(certificate, "/issuer")),
            ("names", text(certificate, "/names")),
            ("from", text(certificate, "/from")),
            ("until", text(certificate, "/until")),
            ("sha-256", text(certificate, "/fingerprint")),
        ],
    )
}

fn told(what: &str, described: &Described) -> Value {
    json!({
        "certificate": what,
        "subject": described.subject,
        "issuer": described.issuer,
        "names": described.names,
        "from": described.from.to_string(),
        "until": described.until.to_string(),
        "fingerprint": described.fingerprint,
    })
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        match &error {
            TlsError::Read { .. }
            | TlsError::Empty { .. }
            | TlsError::Pair(_)
            | TlsError::ClientCa(_) => Self::wrong(error),
            TlsError::Damaged { .. } | TlsError::File { .. } | TlsError::Make(_) => {
                Self::failed(error)
            }
        }
    }
}
