//! Where the master key comes from, and asking a person for a passphrase.

use std::io::{self, BufRead as _, IsTerminal as _};

use rustix::termios::{self, LocalModes, OptionalActions};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output::Output;
use crate::config::{Config, MasterKey};
use crate::keys::files::MasterSource;

/// What the configuration says, with the passphrase if it wants one. A new
/// passphrase is asked for twice.
pub(super) fn source(
    config: &Config,
    new: bool,
    output: &mut Output<'_>,
) -> Result<MasterSource, Failure> {
    Ok(match &config.security.master_key {
        MasterKey::File(path) => MasterSource::File(config.resolve(path)),
        MasterKey::Credential(name) => MasterSource::Credential(name.clone()),
        MasterKey::Passphrase => MasterSource::Passphrase(passphrase(new, output)?),
    })
}

fn passphrase(new: bool, output: &mut Output<'_>) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        // A service's standard input, or a pipe from a password store.
        return line();
    }
    let first = hidden("passphrase of the master key: ", output)?;
    if new && *first != *hidden("the same again: ", output)? {
        return Err(Failure::failed("the two passphrases differ").help("try again"));
    }
    Ok(first)
}

/// A line that a person types without seeing it.
fn hidden(prompt: &str, output: &mut Output<'_>) -> Result<Zeroizing<String>, Failure> {
    let stdin = io::stdin();
    let shown = termios::tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    write!(output.err, "{prompt}")?;
    output.err.flush()?;
    termios::tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
    let typed = line();
    termios::tcsetattr(&stdin, OptionalActions::Now, &shown).map_err(io::Error::from)?;
    writeln!(output.err)?;
    typed
}

fn line() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(1024));
    io::stdin().lock().read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        return Err(Failure::failed("no passphrase for the master key was given")
            .help("type it, or hand it over on standard input"));
    }
    Ok(line)
}
