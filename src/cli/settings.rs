//! Where the configuration is, and reading it.
//!
//! The one place of the command line that looks at the environment.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use crate::config::{self, Config, Loaded, Problem};

/// Longer files are not configurations.
const MAX_BYTES: u64 = 1024 * 1024;
/// Where the configuration of the system's node is.
const SYSTEM: &str = "/etc/dtim/config.toml";

/// Whose command it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `DTIM__SECTION__KEY` variables.
    pub(super) variables: Vec<(String, String)>,
    root: bool,
    config_home: Option<PathBuf>,
    data_home: Option<PathBuf>,
}

impl Environment {
    /// Of this process.
    pub(super) fn of_process() -> Self {
        // Only absolute paths count (XDG Base Directory Specification).
        let path =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = path("HOME");
        let below = |name: &str, rest: &str| path(name).or_else(|| Some(home.as_ref()?.join(rest)));
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("DTIM__"))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self {
            variables: variables.collect(),
            root: rustix::process::geteuid().is_root(),
            config_home: below("XDG_CONFIG_HOME", ".config"),
            data_home: below("XDG_DATA_HOME", ".local/share"),
        }
    }

    /// Where `dtim init` puts a configuration.
    pub(super) fn config_file(&self) -> PathBuf {
        match &self.config_home {
            Some(home) if !self.root => home.join("dtim/config.toml"),
            _ => PathBuf::from(SYSTEM),
        }
    }

    /// Where a node keeps what it has, if its configuration does not say.
    pub(super) fn data_dir(&self) -> PathBuf {
        match &self.data_home {
            Some(home) if !self.root => home.join("dtim"),
            _ => Config::default().node.data_dir,
        }
    }

    /// The configuration that is meant when none is named: the user's own, or,
    /// where there is none, that of the system's node.
    fn meant(&self) -> PathBuf {
        let own = self.config_file();
        if !own.exists() && Path::new(SYSTEM).exists() { PathBuf::from(SYSTEM) } else { own }
    }
}

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The file.
    pub(super) file: PathBuf,
    /// What stands in it.
    pub(super) text: String,
    /// The variables that were laid over it.
    pub(super) variables: Vec<(String, String)>,
    /// What both say.
    pub(super) loaded: Loaded,
}

impl Settings {
    /// Which file is named or meant.
    pub(super) fn file(global: &Global) -> PathBuf {
        global.config.clone().unwrap_or_else(|| Environment::of_process().meant())
    }

    /// Of the file that is named or meant, or everything that is wrong with it.
    pub(super) fn read(global: &Global) -> Result<Result<Self, Vec<Problem>>, Failure> {
        let file = Self::file(global);
        let text = read(&file)?.ok_or_else(|| missing(&file))?;
        Ok(Self::parse(file, text, &Environment::of_process()))
    }

    /// Of the file that is named or meant. Every problem is told on stderr.
    pub(super) fn load(global: &Global, output: &mut Output<'_>) -> Result<Self, Failure> {
        Self::read(global)?.map_err(|problems| tell(&Self::file(global), &problems, output))
    }

    /// As [`Settings::load`], but the defaults where no file is named and none is there:
    /// for commands that need no node.
    pub(super) fn load_or_default(
        global: &Global,
        output: &mut Output<'_>,
    ) -> Result<Self, Failure> {
        let file = Self::file(global);
        if global.config.is_some() || file.exists() {
            return Self::load(global, output);
        }
        Self::parse(file.clone(), String::new(), &Environment::of_process())
            .map_err(|problems| tell(&file, &problems, output))
    }

    /// What a text and an environment say.
    pub(super) fn parse(
        file: PathBuf,
        text: String,
        environment: &Environment,
    ) -> Result<Self, Vec<Problem>> {
        let mut variables = environment.variables.clone();
        let mut loaded = config::parse(&text, &variables)?;
        if !loaded.given.contains("node.data_dir") {
            let data_dir = environment.data_dir().to_string_lossy().into_owned();
            variables.push(("DTIM__NODE__DATA_DIR".to_owned(), data_dir));
            loaded = config::parse(&text, &variables)?;
        }
        Ok(Self { file, text, variables, loaded })
    }

    /// What they say.
    pub(super) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// As [`Settings::tell_notices`], for a command that logs.
    pub(super) fn log_notices(&self) {
        for notice in &self.loaded.notices {
            tracing::warn!("{}: {notice}", self.file.display());
        }
    }

    /// What the reader of the configuration should know.
    pub(super) fn tell_notices(&self, output: &mut Output<'_>) {
        for notice in &self.loaded.notices {
            output.note(&format!("{}: {notice}", self.file.display()));
        }
    }
}

/// The text of a file; nothing if there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, Failure> {
    let cannot = |error: io::Error| {
        Failure::wrong(format!("the configuration {} cannot be read: {error}", file.display()))
            .help("name a readable text file with --config")
    };
    match fs::metadata(file) {
        Ok(about) if about.is_file() && about.len() > MAX_BYTES => {
            let error = format!("the configuration {} is larger than 1 MiB", file.display());
            Err(Failure::wrong(error).help("name another file with --config"))
        }
        Ok(_) => fs::read_to_string(file).map(Some).map_err(cannot),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot(error)),
    }
}

fn missing(file: &Path) -> Failure {
    Failure::wrong(format!("there is no configuration {}", file.display()))
        .help("make one with `dtim init`, or name another file with --config")
}

/// Every problem on stderr, and the failure that remains.
pub(super) fn tell(file: &Path, problems: &[Problem], output: &mut Output<'_>) -> Failure {
    for problem in problems {
        output.error(&format!("{}: {}", file.display(), at(problem)));
        output.help(&problem.remedy);
    }
    Failure::TOLD_WRONG
}

/// Where a problem is and what it is; its remedy stands by itself.
pub(super) fn at(problem: &Problem) -> String {
    let line = problem.line.map(|line| format!("line {line}")).unwrap_or_default();
    let place = [line.as_str(), problem.key.as_str()];
    let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    if place.is_empty() { problem.what.clone() } else { format!("{place}: {}", problem.what) }
}
