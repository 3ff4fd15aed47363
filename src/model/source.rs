//! Where a sighting comes from.

use std::fmt;
use std::str::FromStr;

/// A log format that the watchers read. The names are those of the command line and of metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Kernel netfilter lines, ufw's among them.
    Ufw,
    /// fail2ban's own log.
    Fail2ban,
    /// Suricata's eve.json.
    Suricata,
    /// Zeek logs, TSV or JSON.
    Zeek,
    /// clamd's log and clamscan's report.
    Clamav,
    /// nginx access log.
    NginxAccess,
    /// nginx error log.
    NginxError,
    /// Apache access log.
    ApacheAccess,
    /// Apache error log.
    ApacheError,
    /// OpenSSH's server.
    Sshd,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 10] = [
        Self::Ufw,
        Self::Fail2ban,
        Self::Suricata,
        Self::Zeek,
        Self::Clamav,
        Self::NginxAccess,
        Self::NginxError,
        Self::ApacheAccess,
        Self::ApacheError,
        Self::Sshd,
    ];

    /// The name on the command line, in rules and in metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ufw => "ufw",
            Self::Fail2ban => "fail2ban",
            Self::Suricata => "suricata",
            Self::Zeek => "zeek",
            Self::Clamav => "clamav",
            Self::NginxAccess => "nginx-access",
            Self::NginxError => "nginx-error",
            Self::ApacheAccess => "apache-access",
            Self::ApacheError => "apache-error",
            Self::Sshd => "sshd",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = BadSource;

    fn from_str(name: &str) -> Result<Self, BadSource> {
        Self::ALL
            .into_iter()
            .find(|source| source.name() == name)
            .ok_or_else(|| BadSource(name.to_owned()))
    }
}

/// A name that is not a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a log source: use ufw, fail2ban, suricata, zeek, clamav, nginx-access, \
     nginx-error, apache-access, apache-error or sshd"
)]
pub struct BadSource(pub String);

/// Who put a piece of evidence here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A watcher saw it in a log.
    Log(Source),
    /// The operator added it by hand.
    Manual,
    /// It was imported. All imports together count one source, and never as own.
    Import,
    /// It was imported, and a node of this software had written it. It may be here by the
    /// mesh already, so it counts only where nobody else speaks.
    ImportOfDtim,
}

impl Origin {
    /// The name in lists, JSON and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log(source) => source.name(),
            Self::Manual => "manual",
            Self::Import => "import",
            Self::ImportOfDtim => "import-dtim",
        }
    }

    /// Whether it counts as this node's own sighting.
    pub fn is_own(self) -> bool {
        !matches!(self, Self::Import | Self::ImportOfDtim)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Origin {
    type Err = BadSource;

    fn from_str(name: &str) -> Result<Self, BadSource> {
        match name {
            "manual" => Ok(Self::Manual),
            "import" => Ok(Self::Import),
            "import-dtim" => Ok(Self::ImportOfDtim),
            source => source.parse().map(Self::Log),
        }
    }
}
