//! `dtim demo`: a mesh of real processes on this machine, and proof of what it did.
//!
//! Owns the play: six processes of this program, real log lines, and the
//! judgement of what became of them. It asks the nodes as an operator would,
//! over their control sockets, and must never look into their stores.
//!
//! `script` says who takes part and what must come of it, `setup` makes the
//! stage, `process` owns the processes, `observe` asks, `facts` judges, `show`
//! tells it to people and machines.

mod facts;
mod observe;
mod process;
mod script;
mod setup;
mod show;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::http::client::ClientError;
use facts::Found;
use observe::{Arrivals, connected, knows, metrics};
use process::Processes;
use script::{APPEARANCES, Act, Appearance, Fate, ORGANISATIONS};
use setup::{Actor, Cast};
use show::Narrator;

/// The whole play ends before this.
const LIMIT: Duration = Duration::from_secs(55);
/// How often the nodes are asked while something is waited for.
const PAUSE: Duration = Duration::from_millis(25);

/// What the operator asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leave the mesh running.
    pub keep: bool,
    /// Write the facts as JSON.
    pub json: bool,
}

/// Why there was no demonstration.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file, a port or a process could not be had.
    #[error("the demonstration could not be set up: {0}; it needs a writable temporary folder")]
    Io(#[from] io::Error),
    /// A process ended that should run, or a command failed.
    #[error("{name} ended ({command}): {said}")]
    Ended {
        /// Which.
        name: &'static str,
        /// What was asked of it, or how it ended.
        command: String,
        /// The end of what it said.
        said: String,
    },
    /// Something did not happen in time.
    #[error("this did not happen in time: {0}; is the machine very busy? Try again")]
    Late(String),
    /// A node answered something else than expected.
    #[error("{0}: are `dtim` and its demonstration of one version?")]
    Strange(&'static str),
    /// A node refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operator ended it.
    #[error("interrupted; all processes of the demonstration were ended")]
    Interrupted,
}

/// Runs the demonstration. True if everything was as it must be.
pub fn run(options: Options) -> Result<bool, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Whatever ends the play early drops the processes, and that kills them.
        tokio::select! {
            ended = play(options) => ended,
            _ = interrupt.recv() => Err(DemoError::Interrupted),
            _ = terminate.recv() => Err(DemoError::Interrupted),
        }
    })
}

async fn play(options: Options) -> Result<bool, DemoError> {
    // A Unix socket's path is short, so not below a long TMPDIR.
    let folder = tempfile::Builder::new().prefix("dtim-demo-").tempdir_in("/tmp")?;
    let mut stage = Stage::open(folder.path())?;
    let found = stage.perform().await?;
    let Stage { narrator, cast, processes, .. } = stage;
    narrator.finish();
    let report = found.judge();
    let mut out = io::stdout().lock();
    let ok = report.holds();
    if options.json {
        show::facts(&mut out, &cast, &found, &report)?;
    } else {
        show::summary(&mut out, &found, &report)?;
    }
    if options.keep {
        let root = folder.keep();
        if let Some(group) = processes.leave() {
            show::how_to_look_around(&mut io::stderr().lock(), &cast, &root, group)?;
        }
    } else if !processes.stop().await {
        show::note("not every process ended by itself in time; the rest was killed")?;
    }
    Ok(ok)
}

/// Everything that is in motion.
struct Stage {
    narrator: Narrator,
    started: Instant,
    processes: Processes,
    cast: Cast,
    arrivals: Arrivals,
}

impl Stage {
    fn open(root: &Path) -> Result<Self, DemoError> {
        let started = Instant::now();
        let narrator = Narrator::new(started);
        narrator
            .say(&format!("Six nodes of this program, each with its folder in {}", root.display()));
        narrator.doing("making identities and configurations");
        let processes = Processes::new()?;
        let cast = Cast::set_up(root, &processes)?;
        Ok(Self { narrator, started, processes, cast, arrivals: Arrivals::default() })
    }

    async fn perform(&mut self) -> Result<Found, DemoError> {
        self.start().await?;
        let line = self.form_the_line().await?;
        self.write(Act::Line)?;
        self.spread(Act::Line).await?;
        let ring = self.close_the_ring().await?;
        self.write(Act::Kept)?;
        self.wait_for_the_red().await?;
        self.write(Act::Ring)?;
        self.spread(Act::Ring).await?;
        self.narrator.doing("asking every node what it knows and what left it");
        let mut found = observe::everything(&self.cast, &self.arrivals).await?;
        (found.line, found.ring, found.took) = (line, ring, self.started.elapsed());
        Ok(found)
    }

    async fn start(&mut self) -> Result<(), DemoError> {
        self.narrator.doing("starting the bootstrap");
        let bootstrap = self.cast.bootstrap.clone();
        self.launch(&bootstrap, "bootstrap")?;
        self.until("the bootstrap answers", async |_| Ok(metrics(&bootstrap).await.is_ok()))
            .await?;
        let nodes: Vec<Actor> = self.cast.nodes().cloned().collect();
        for node in &nodes {
            self.launch(node, "run")?;
        }
        for node in &nodes {
            self.narrator.doing(&format!("waiting for {}", node.name));
            let answers = async |_: &Cast| Ok(node.client().get("/status").await.is_ok());
            self.until(&format!("{} answers", node.name), answers).await?;
        }
        self.narrator.say("a bootstrap, four organisations and a stranger are running");
        Ok(())
    }

    fn launch(&mut self, actor: &Actor, command: &str) -> Result<(), DemoError> {
        self.processes.start(actor.name, &actor.config(), command, actor.own_log())
    }

    /// Neighbours approved each other by configuration; the stranger tries everybody's door.
    async fn form_the_line(&mut self) -> Result<Duration, DemoError> {
        let begun = Instant::now();
        self.narrator.doing("waiting for the organisations to find each other");
        self.until("neighbours are connected", async |cast| {
            for organisation in &cast.organisations {
                if connected(organisation).await?.values().any(|connected| !connected) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await?;
        let line = begun.elapsed();
        self.narrator.say("alder, birch, cedar and dogwood each approved the next: a line");
        self.until("the stranger knocked", async |cast| {
            Ok(observe::doors_knocked_at(cast).await? > 0)
        })
        .await?;
        self.narrator.say("the stranger knocked, and waits for an approval that nobody gives");
        Ok(line)
    }

    /// The ends approve each other while all run, as their operators would.
    async fn close_the_ring(&mut self) -> Result<Duration, DemoError> {
        let (Some(first), Some(last)) =
            (self.cast.organisations.first().cloned(), self.cast.organisations.last().cloned())
        else {
            return Err(DemoError::Strange("there are no organisations"));
        };
        let begun = Instant::now();
        for (operator, peer) in [(&first, &last), (&last, &first)] {
            let approval = json!({
                "peer_id": peer.node.map(|node| node.to_string()),
                "name": peer.name,
                "addresses": [peer.bare_address()],
            });
            operator.client().post("/peers/approve", &approval).await?;
        }
        self.until("the ends of the line are connected", async |_| {
            Ok(connected(&first).await?.get(last.name) == Some(&true))
        })
        .await?;
        self.narrator.say(&format!("{} and {} approved each other: a ring", first.name, last.name));
        Ok(begun.elapsed())
    }

    fn write(&mut self, act: Act) -> Result<(), DemoError> {
        for appearance in APPEARANCES.iter().filter(|appearance| appearance.act == act) {
            if let Some(actor) = self.cast.organisations.get(appearance.at) {
                self.arrivals.written(appearance.address);
                actor.write(appearance)?;
                self.narrator.say(&show::appearance(appearance));
            }
        }
        Ok(())
    }

    /// Waits until every organisation has what an act shares. What does not
    /// arrive in time is a fact, not an error.
    async fn spread(&mut self, act: Act) -> Result<(), DemoError> {
        let shared: Vec<&Appearance> = APPEARANCES
            .iter()
            .filter(|appearance| appearance.act == act && appearance.fate == Fate::Shared)
            .collect();
        let everywhere = shared.len() * ORGANISATIONS.len();
        while self.started.elapsed() < LIMIT {
            self.processes.check()?;
            self.arrivals.look(&self.cast).await?;
            let arrived: usize =
                shared.iter().map(|shared| self.arrivals.of(shared.address).len()).sum();
            self.narrator.doing(&format!("{arrived} of {everywhere} have arrived"));
            if arrived == everywhere {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        for shared in shared {
            self.narrator.say(&show::arrival(shared, self.arrivals.of(shared.address)));
        }
        Ok(())
    }

    /// Once it is an indicator at home, whatever follows is sent after it.
    async fn wait_for_the_red(&mut self) -> Result<(), DemoError> {
        for red in APPEARANCES.iter().filter(|appearance| appearance.fate == Fate::Red) {
            self.until("what is red is an indicator at home", async |cast| {
                let Some(home) = cast.organisations.get(red.at) else { return Ok(false) };
                Ok(knows(home).await?.contains_key(red.address))
            })
            .await?;
        }
        Ok(())
    }

    async fn until(
        &mut self,
        what: &str,
        mut holds: impl AsyncFnMut(&Cast) -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        while self.started.elapsed() < LIMIT {
            self.processes.check()?;
            if holds(&self.cast).await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(DemoError::Late(what.to_owned()))
    }
}
