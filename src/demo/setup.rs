//! The stage: folders, configurations and identities of everybody who takes part.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::Deserialize;

use super::DemoError;
use super::process::Processes;
use super::script::{Appearance, BOOTSTRAP, COMMUNITY, ORGANISATIONS, Organisation, STRANGER};
use crate::http::client::Client;
use crate::model::{NodeId, Source};

/// One who takes part.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its name.
    pub name: &'static str,
    /// Its identity, once made.
    pub node: Option<NodeId>,
    /// Its folder.
    pub folder: PathBuf,
    /// The port of its mesh.
    pub port: u16,
    /// Where its metrics are.
    pub metrics: SocketAddr,
}

/// Everybody who takes part.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The meeting point.
    pub bootstrap: Actor,
    /// In the order of [`ORGANISATIONS`].
    pub organisations: Vec<Actor>,
    /// Nobody approved it.
    pub stranger: Actor,
}

#[derive(Deserialize)]
struct Initialised {
    peer_id: String,
}

impl Cast {
    /// Makes folders, identities and configurations below `root`.
    pub fn set_up(root: &Path, processes: &Processes) -> Result<Self, DemoError> {
        let names = [BOOTSTRAP, STRANGER].into_iter().chain(ORGANISATIONS.map(|o| o.name));
        let names: Vec<&'static str> = names.collect();
        let mut ports = free_ports(names.len() * 2)?.into_iter();
        let mut actors = Vec::new();
        for name in names {
            let (Some(port), Some(metrics)) = (ports.next(), ports.next()) else { break };
            let folder = root.join(name);
            fs::create_dir_all(folder.join("log"))?;
            let metrics = (Ipv4Addr::LOCALHOST, metrics).into();
            actors.push(Actor { name, node: None, folder, port, metrics });
        }
        for actor in &mut actors {
            fs::write(actor.config(), actor.head())?;
            let said = processes.output(actor.name, &actor.config(), &["init", "--json"])?;
            actor.node = Some(peer_id(&said)?);
        }
        let mut actors = actors.into_iter();
        let (Some(bootstrap), Some(stranger)) = (actors.next(), actors.next()) else {
            return Err(DemoError::Strange("nobody takes part"));
        };
        let cast = Self { bootstrap, stranger, organisations: actors.collect() };
        cast.configure()?;
        Ok(cast)
    }

    /// The nodes: the organisations, then the stranger.
    pub fn nodes(&self) -> impl Iterator<Item = &Actor> {
        self.organisations.iter().chain([&self.stranger])
    }

    /// Writes the configurations, now that everybody's identity is known.
    fn configure(&self) -> Result<(), DemoError> {
        let bootstrap = format!(
            "{}[bootstrap]\nadmit = \"open\"\ncommunities = [\"{COMMUNITY}\"]\n",
            self.bootstrap.head()
        );
        fs::write(self.bootstrap.config(), bootstrap)?;
        for (at, (actor, organisation)) in self.organisations.iter().zip(&ORGANISATIONS).enumerate()
        {
            for (source, _) in organisation.logs {
                fs::write(actor.log(*source), "")?;
            }
            // A line: each approved the one before and the one after.
            let neighbours = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten();
            let neighbours = neighbours.filter_map(|other| self.organisations.get(other));
            let text = self.node_text(actor) + &watched(actor, organisation) + &peers(neighbours);
            fs::write(actor.config(), text)?;
        }
        // It approved everybody. Nobody asked it to, and nobody approved it.
        let text = self.node_text(&self.stranger) + &peers(self.organisations.iter());
        fs::write(self.stranger.config(), text)?;
        Ok(())
    }

    fn node_text(&self, actor: &Actor) -> String {
        format!(
            "{}bootstraps = [\"{}\"]\ndiscoverable = true\n",
            actor.head(),
            self.bootstrap.address(),
        )
    }
}

impl Actor {
    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.join("dtim.toml")
    }

    /// The log of a program that it watches.
    pub fn log(&self, source: Source) -> PathBuf {
        self.folder.join("log").join(format!("{}.log", source.name()))
    }

    /// What its process has logged.
    pub fn own_log(&self) -> PathBuf {
        self.folder.join("dtim.log")
    }

    /// Where it answers its operator.
    pub fn client(&self) -> Client {
        Client::new(self.folder.join("data/dtim.sock"))
    }

    /// Where others reach it, with its identity.
    pub fn address(&self) -> String {
        let node = self.node.map(|node| format!("/p2p/{node}")).unwrap_or_default();
        format!("{}{node}", self.bare_address())
    }

    /// Where others reach it.
    pub fn bare_address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// Writes what an attacker leaves in a log.
    pub fn write(&self, appearance: &Appearance) -> Result<(), DemoError> {
        let mut log = fs::OpenOptions::new().append(true).open(self.log(appearance.source))?;
        log.write_all(appearance.lines(Utc::now()).as_bytes())?;
        Ok(())
    }

    /// What every configuration begins with. It ends within `[network]`.
    fn head(&self) -> String {
        let address = self.bare_address();
        format!(
            "[node]\nname = \"{}\"\ncommunity = \"{COMMUNITY}\"\ndata_dir = {:?}\n\n\
             [metrics]\nlisten = \"{}\"\n\n\
             [network]\nlisten = [\"{address}\"]\nexternal_addresses = [\"{address}\"]\n\
             allow_private_addresses = true\n",
            self.name,
            self.folder.join("data"),
            self.metrics,
        )
    }
}

/// The logs of an organisation, its privacy and its own network.
fn watched(actor: &Actor, organisation: &Organisation) -> String {
    let key = |source: Source| match source {
        Source::NginxAccess => "nginx_access_log",
        Source::Ufw => "ufw_log_path",
        _ => "fail2ban_log_path",
    };
    let log = |(source, _): &(Source, _)| format!("{} = {:?}\n", key(*source), actor.log(*source));
    let logs: String = organisation.logs.iter().map(log).collect();
    let marking = |(source, tlp): &(Source, crate::model::Tlp)| {
        format!("[watchers.source.{}]\ntlp = \"{}\"\n", source.name(), tlp.name())
    };
    let markings: String = organisation.logs.iter().map(marking).collect();
    format!(
        "\n[privacy]\nlevel = \"{}\"\nhold = [\"0s\", \"0s\"]\n\n[hygiene]\nown = [\"{}\"]\n\n\
         [watchers]\nfrom = \"start\"\n{logs}{markings}",
        organisation.level.name(),
        organisation.own,
    )
}

/// Approved by configuration.
fn peers<'a>(peers: impl Iterator<Item = &'a Actor>) -> String {
    let one = |peer: &Actor| {
        let node = peer.node.map(|node| node.to_string()).unwrap_or_default();
        format!(
            "\n[[peers]]\nname = \"{}\"\npeer_id = \"{node}\"\naddresses = [\"{}\"]\n",
            peer.name,
            peer.bare_address(),
        )
    };
    peers.map(one).collect()
}

fn peer_id(said: &[u8]) -> Result<NodeId, DemoError> {
    let strange = DemoError::Strange("`dtim init --json` gave no peer_id");
    let Ok(said) = serde_json::from_slice::<Initialised>(said) else { return Err(strange) };
    said.peer_id.parse().map_err(|_| strange)
}

/// Ports that nobody listens on now. All are held until the last is chosen.
fn free_ports(count: usize) -> Result<Vec<u16>, DemoError> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held: Vec<TcpListener> = (0..count).map(bind).collect::<Result<_, _>>()?;
    let port = |listener: &TcpListener| Ok(listener.local_addr()?.port());
    held.iter().map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::{Actor, Cast, free_ports};
    use crate::demo::script::ORGANISATIONS;
    use crate::model::NodeId;

    fn actor(root: &std::path::Path, name: &'static str, n: u8) -> Actor {
        let folder = root.join(name);
        std::fs::create_dir_all(folder.join("log")).unwrap();
        let node = Some(NodeId::from_public_key([n; 32]));
        let port = 30_000 + u16::from(n);
        let metrics = format!("127.0.0.1:{}", 31_000 + u16::from(n)).parse().unwrap();
        Actor { name, node, folder, port, metrics }
    }

    #[test]
    fn every_configuration_is_one() {
        let root = tempfile::tempdir().unwrap();
        let organisations = ORGANISATIONS.iter().zip(1..);
        let cast = Cast {
            bootstrap: actor(root.path(), "bootstrap", 10),
            stranger: actor(root.path(), "stranger", 11),
            organisations: organisations.map(|(o, n)| actor(root.path(), o.name, n)).collect(),
        };
        cast.configure().unwrap();
        let mut peers = Vec::new();
        for actor in cast.nodes().chain([&cast.bootstrap]) {
            let text = std::fs::read_to_string(actor.config()).unwrap();
            let loaded = crate::config::parse(&text, &[]).unwrap();
            assert_eq!(loaded.notices, [], "{}", actor.name);
            peers.push(loaded.config.peers.len());
        }
        assert_eq!(peers, [1, 2, 2, 1, 4, 0], "a line, and a stranger that knows all");
    }

    #[test]
    fn ports_differ() {
        let mut ports = free_ports(20).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
