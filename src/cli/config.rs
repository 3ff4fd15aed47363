//! `dtim config`: is the configuration right, and what does it say?

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use super::settings::Settings;
use crate::config::Problem;
use crate::node::Live;

/// Every key and its default.
const DEFAULTS: &str = include_str!("../../config/default.toml");
/// Keys whose value is not shown, because others may look over a shoulder.
const SECRETS: [(&str, &str); 1] = [("watchers", "virustotal_api_key")];

/// Check and show the configuration
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  dtim config check
  dtim config show")]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong, with key, line and remedy; status 2 if anything is
    #[command(after_help = "Examples:
  dtim config check
  dtim config check --config new.toml && systemctl reload dtim")]
    Check,
    /// Show every key with the value that it has: defaults, file and DTIM__ variables
    #[command(after_help = "Examples:
  dtim config show
  dtim config show --json | jq .network.listen")]
    Show,
}

impl ConfigCommand {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Self::Check => check(global, output),
            Self::Show => show(&Settings::load_or_default(global, output)?, output),
        }
    }
}

fn check(global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
    let file = Settings::file(global);
    let read = Settings::read(global)?;
    let read = read.and_then(|settings| match Live::build(settings.loaded.clone()) {
        Ok(_) => Ok(settings),
        // What only its user can judge: own networks, rule files, warninglists.
        Err(error) => Err(vec![Problem {
            key: String::new(),
            line: None,
            what: error.to_string(),
            remedy: "correct it, or leave it out".to_owned(),
        }]),
    });
    let (ok, problems, notices) = match &read {
        Ok(settings) => (true, [].as_slice(), settings.loaded.notices.as_slice()),
        Err(problems) => (false, problems.as_slice(), [].as_slice()),
    };
    if output.json {
        let all = |problems: &[Problem]| problems.iter().map(as_json).collect::<Vec<_>>();
        let answer = json!({
            "file": file, "ok": ok, "problems": all(problems), "notices": all(notices),
        });
        output.answer(&answer, |_, _| Ok(()))?;
        return if ok { Ok(()) } else { Err(Failure::TOLD_WRONG) };
    }
    match read {
        Ok(settings) => {
            settings.tell_notices(output);
            output.line(&format!("{} is right", file.display()))
        }
        Err(problems) => Err(super::settings::tell(&file, &problems, output)),
    }
}

fn as_json(problem: &Problem) -> Value {
    json!({
        "key": problem.key, "line": problem.line, "what": problem.what, "remedy": problem.remedy,
    })
}

fn show(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut table = effective(&settings.text, &settings.variables)
        .map_err(|error| Failure::failed(format!("the configuration cannot be shown: {error}")))?;
    for (section, key) in SECRETS {
        let value = table.get_mut(section).and_then(|section| section.get_mut(key));
        if let Some(Toml::String(secret)) = value.filter(|value| value.as_str() != Some("")) {
            *secret = "(set, not shown)".to_owned();
        }
    }
    if output.json {
        let answer = serde_json::to_value(&table).map_err(Failure::failed)?;
        return output.answer(&answer, |_, _| Ok(()));
    }
    write!(output.out, "{table}")?;
    Ok(())
}

/// The defaults, with the file and then the variables laid over them. They are
/// known to be right by now.
pub(super) fn effective(
    text: &str,
    variables: &[(String, String)],
) -> Result<Table, toml::de::Error> {
    let mut table: Table = DEFAULTS.parse()?;
    lay_over(&mut table, text.parse()?);
    // Sorted, so that a whole section comes before the keys in it.
    for (name, text) in variables.iter().cloned().collect::<BTreeMap<_, _>>() {
        if let Some(path) = name.strip_prefix("DTIM__") {
            set(&mut table, &path.to_lowercase(), &text);
        }
    }
    Ok(table)
}

fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Toml::Table(below)), Toml::Table(above)) => lay_over(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn set(table: &mut Table, path: &str, text: &str) {
    if let Some((section, rest)) = path.split_once("__") {
        let inner = table.entry(section).or_insert_with(|| Toml::Table(Table::new()));
        if let Toml::Table(inner) = inner {
            set(inner, rest, text);
        }
        return;
    }
    let value = read_like(table.get(path), text);
    table.insert(path.to_owned(), value);
}

/// A variable's text as the type that the key has in the file; the rules are those of [`crate::config`].
fn read_like(like: Option<&Toml>, text: &str) -> Toml {
    // A document with one key is the one form that the parser reads a value in.
    let literal = || {
        let document: Table = format!("value = {text}").parse().ok()?;
        document.get("value").cloned()
    };
    let words = || {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Toml::Array(words.map(|word| Toml::String(word.to_owned())).collect())
    };
    let as_text = || Toml::String(text.to_owned());
    match like {
        Some(Toml::String(_)) => as_text(),
        Some(Toml::Array(_)) => literal().filter(Toml::is_array).unwrap_or_else(words),
        _ => literal().unwrap_or_else(as_text),
    }
}
