//! `dtim init`: the keys and the configuration of a new node.

mod propose;
mod template;

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::propose::Proposals;
use super::args::Global;
use super::failure::Failure;
use super::master;
use super::output::Output;
use super::settings::{self, Environment, Settings};
use super::table::facts;
use crate::hygiene::Own;
use crate::keys::files;
use crate::model::Community;

/// Make the keys of a new node, and its configuration if there is none
#[derive(Debug, Args)]
#[command(
    after_help = "A configuration that is there already is used as it is. Keys are never replaced.

Examples:
  sudo dtim init --name web-1
  dtim init --config ./node/config.toml --data-dir ./node --own 203.0.113.0/24 --own example.org"
)]
pub(super) struct InitArgs {
    /// What you call the node; it never leaves it [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// The mesh that it belongs to [default: dtim]
    #[arg(long, value_parser = community)]
    community: Option<Community>,
    /// Where it keeps everything [default: /var/lib/dtim for root, else ~/.local/share/dtim]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A network, address or domain of yours, instead of those that are found;
    /// may be given several times
    #[arg(long, value_name = "NETWORK|ADDRESS|DOMAIN", value_parser = own)]
    own: Vec<String>,
}

fn community(text: &str) -> Result<Community, String> {
    Community::new(text).ok_or_else(|| "use 1 to 64 of a-z, 0-9, '.', '_' and '-'".to_owned())
}

fn own(text: &str) -> Result<String, String> {
    text.parse::<Own>().map(|own| own.to_string()).map_err(|error| error.to_string())
}

impl InitArgs {
    pub(super) fn act(self, global: &Global, output: &mut Output<'_>) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let file = global.config.clone().unwrap_or_else(|| environment.config_file());
        let found = settings::read(&file)?;
        let written = found.is_none();
        let text = match found {
            Some(text) => text,
            None => self.new_text(&environment)?,
        };
        let settings = Settings::parse(file.clone(), text, &environment)
            .map_err(|problems| settings::tell(&file, &problems, output))?;
        if !written {
            self.agrees_with(&settings)?;
        }
        let config = settings.config();
        let data_dir = &config.node.data_dir;
        make_dir(data_dir)?;
        let source = master::source(config, true, output)?;
        if written {
            write_new(&file, &settings.text)?;
        }
        let keys = files::create(&data_dir.join("keys"), &source).map_err(|error| {
            if written {
                // Without keys there is no node that it could configure.
                drop(fs::remove_file(&file));
            }
            Failure::failed(error)
        })?;
        settings.tell_notices(output);
        let answer = json!({
            "peer_id": keys.identity.node_id().to_string(),
            "name": config.node.name,
            "community": config.node.community.as_str(),
            "config": file,
            "config_written": written,
            "data_dir": data_dir,
            "own": config.hygiene.own,
        });
        output.answer(&answer, |output, _| {
            facts(
                output,
                &[
                    ("peer id", keys.identity.node_id().to_string()),
                    ("name", config.node.name.clone()),
                    ("community", config.node.community.to_string()),
                    ("configuration", file.display().to_string()),
                    ("data", data_dir.display().to_string()),
                    ("own", config.hygiene.own.join(", ")),
                ],
            )
        })?;
        next_steps(&settings, written, output);
        Ok(())
    }

    fn new_text(&self, environment: &Environment) -> Result<String, Failure> {
        let proposals = Proposals::find(Path::new("/"));
        let data_dir = match &self.data_dir {
            Some(dir) => std::path::absolute(dir)?,
            None => environment.data_dir(),
        };
        let data_dir = data_dir.into_os_string().into_string().map_err(|dir| {
            Failure::wrong(format!("the data directory {} is not UTF-8", dir.display()))
                .help("name another with --data-dir")
        })?;
        let own = if self.own.is_empty() { proposals.own } else { self.own.clone() };
        let mut set = vec![
            ("node.name", self.name.clone().unwrap_or(proposals.host).into()),
            ("node.data_dir", data_dir.into()),
            ("hygiene.own", own.into()),
        ];
        if let Some(community) = &self.community {
            set.push(("node.community", community.as_str().into()));
        }
        Ok(template::with(&set))
    }

    /// What was said on the command line goes into a new file only.
    fn agrees_with(&self, settings: &Settings) -> Result<(), Failure> {
        let node = &settings.config().node;
        let data_dir = self.data_dir.as_deref().map(std::path::absolute).transpose()?;
        let differs = [
            ("--name", self.name.as_ref().is_some_and(|name| *name != node.name)),
            ("--community", self.community.as_ref().is_some_and(|name| *name != node.community)),
            ("--data-dir", data_dir.is_some_and(|dir| dir != node.data_dir)),
            ("--own", !self.own.is_empty() && self.own != settings.config().hygiene.own),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            None => Ok(()),
            Some((option, _)) => {
                let file = settings.file.display();
                Err(Failure::wrong(format!("{file} is there already and differs from {option}"))
                    .help("change the file, or leave the option out"))
            }
        }
    }
}

/// Below it lies what nobody else may read.
fn make_dir(dir: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| {
        Failure::failed(format!("the folder {} cannot be made: {error}", dir.display()))
            .help("name one that you may write to with --data-dir, or use sudo")
    })
}

/// Readable by the group, so that its members can use `dtim status`. Never over another file.
fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        if let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            fs::create_dir_all(dir)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o640).open(file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| {
        Failure::failed(format!("the configuration {} cannot be written: {error}", file.display()))
            .help("name one that you may write with --config, or use sudo")
    })
}

fn next_steps(settings: &Settings, written: bool, output: &mut Output<'_>) {
    let config = settings.config();
    let file = settings.file.display();
    output.note(&format!(
        "back up {} and keep it secret",
        config.node.data_dir.join("keys").display()
    ));
    if written {
        output
            .note(&format!("look over {file}: [hygiene] own and [privacy] never_share above all"));
    }
    if config.watchers.paths.is_empty() {
        for (key, log) in propose::logs(Path::new("/")) {
            output.note(&format!("to watch {log}: set {key} in [watchers], and tlp to share"));
        }
    }
    output.note(&format!("then: dtim run --config {file}"));
}
