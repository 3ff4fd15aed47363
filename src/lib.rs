//! Distributed Threat Intelligence Mesh: share what attacks you, without saying who you are.
//!
//! This page is the map. It is checked: the links by rustdoc, the table of
//! layers by `tests/it/tidy.rs`, which reads it from here.
//!
//! # From above
//!
//! A node follows the logs of one organisation, finds the attackers in them and
//! tells its members about them. What it tells carries no author: each claim is
//! signed by a pseudonym that cannot be linked to the node or to its other
//! claims. What it hears it weighs by the trust in whoever delivered it, and
//! what grows old loses its weight until it is gone.
//!
//! Everything that **decides** is a function of values, the time included.
//! Everything that **does** is a thin shell that owns one outside thing: [`store`]
//! the database, [`watch`] the files, [`mesh`] the swarm. [`node`] is the only
//! place where they meet. The Cargo feature `node` switches the shells on;
//! without it the deciding half compiles and is tested by itself in seconds,
//! which proves that it does no I/O.
//!
//! # The layers
//!
//! A module uses only lower layers, never a sibling of its own layer. P decides
//! (pure), S does (shell).
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 P | [`model`] | the vocabulary: kinds, canonical values, claims, markings, levels |
//! | 1 P | [`config`] | settings, defaults, everything that is wrong with them at once |
//! | 1 P | [`keys`] | identity, pseudonyms, sealing; its `files` reads key files and is a shell |
//! | 1 S | [`metrics`] | the one struct of counters, passed in |
//! | 2 S | [`tls`] | certificates: the identity's for peers, the local authority's for clients |
//! | 2 P | [`parse`] | one file a log format: line in, event out |
//! | 2 P | [`hygiene`] | is this fit to be an indicator? |
//! | 2 P | [`ageing`] | confidence at a time, the end of a claim |
//! | 2 P | [`reconcile`] | which claims one side has that the other lacks |
//! | 3 P | [`detect`] | rules and leaky buckets over events, in the events' time |
//! | 3 P | [`assess`] | what this node thinks of an indicator now, and why |
//! | 3 P | [`privacy`] | what may be told to whom: the only maker of a `Shareable` |
//! | 4 P | [`wire`] | the bytes that cross the network: sign and verify |
//! | 4 P | [`formats`] | what other programs read and write: STIX and its patterns, TAXII |
//! | 5 S | [`store`] | RocksDB: families, sealed records, one writer, queries |
//! | 5 S | [`watch`] | the log files and the journal: follow, rotate, resume; it knows no indicator |
//! | 5 S | [`lookup`] | VirusTotal, clamd, the registry: outside knowledge |
//! | 5 S | [`mesh`] | the swarm: admission, the gate, gossip, the judge, questions between members, discovery, NAT |
//! | 6 S | [`node`] | where they meet: observe, receive, share, serve the operator |
//! | 6 S | [`bootstrap`] | the meeting point, which never gets an indicator |
//! | 7 S | [`http`] | the control socket, metrics and health, the public listener |
//! | 8 S | [`demo`] | a mesh of processes on one machine that proves itself |
//! | 9 S | [`cli`] | the command line |
//!
//! # The way of one indicator
//!
//! Out: `watch` hands lines to the node; `parse` makes an event of each; `detect`
//! counts events and finds a sighting; `hygiene` refuses what is no indicator.
//! Evidence, the changed buckets and the position in the file go into the store
//! in one atomic batch, so that a killed node continues exactly where it was.
//! `privacy::share` turns evidence into a `Shareable` for one audience, or says
//! why not. `wire::sign` signs that with the pseudonym for this indicator and
//! audience. A row in the egress ledger is durable before a claim leaves; then,
//! after a random hold, `mesh` publishes the claim in a message of its own.
//!
//! In: the gate lets only members speak gossip. A message meets the judge, which
//! looks at size, quota, whether it was seen before, strict CBOR, signature and
//! the fixed rules, in this order, cheapest first. Its verdict is Accept, Ignore
//! or Reject; only what it accepts becomes a `Verified`, and only a `Verified`
//! can be stored. Local lists and trust enter when the indicator is assessed, so
//! the set of claims is the same everywhere whatever one operator thinks.
//!
//! Beside gossip: members compare the sets that they hold (`reconcile`, in
//! `node::sync`) and fetch what they lack; who got something that way says so to
//! its other members. An amber or red claim goes from the outbox straight to each
//! member it is for and is done when that member has it on disk. A retraction is a
//! claim with a higher revision and takes the same ways.
//!
//! # What is deliberately absent
//!
//! - The pure modules have no I/O, no clock and no randomness of their own.
//! - The model derives no serialisation. Each face (configuration, wire, store,
//!   HTTP) has its own types and converts, because a derived format is a promise.
//! - Nothing that was not redacted can be signed: `wire::sign` takes a `Shareable`.
//! - Nothing that was not verified can be stored: the store takes a `Verified`.
//! - A pseudonym is not a `NodeId`, and who delivered a claim is not who made it.
//! - No author, sequence number or key is in a gossip message.
//! - A stranger gets no protocol stream, and a bootstrap no gossip handler: it is
//!   not asked to behave, it cannot hear.
//! - A private address that the operator did not name is dialled for nobody: one door,
//!   in the transport, stands behind every behaviour that dials.
//! - Nothing in the swarm's task waits for the store, a file or a full channel.
//! - No queue, map or buffer that a stranger can feed is without a named bound.
//!   Channels between tasks form no circle in which each waits for the next.
//! - No refusal is only logged: the same value is a metric's label, a verdict and
//!   a line of `explain`.
//! - No address and no indicator is logged above debug.
//! - Keys are made by `dtim init` and never again: a damaged key file stops the node.
//!
//! # How to add a log format
//!
//! A variant of [`model::Source`] with its name; a file in [`parse`] from line to
//! event; its key in [`config`] and in `config/default.toml`; rules for its events in
//! `config/detection/`; samples in `tests/corpus/` with the events that they must give,
//! hostile ones in `tests/corpus/hostile/`; a target in `fuzz/`. A reader may keep what
//! a file's header says, and may ask for the lines that follow where a record can hold
//! line ends. The watcher, the store and `dtim explain` know nothing of formats and stay
//! as they are.
//!
//! # How to add an output
//!
//! An output reads assessments and never the claims behind them: `formats::View` tells
//! what one path may know of an indicator. Put the format in a module of [`formats`] that
//! maps what is told to bytes, and give the route a line in the authorisation table of
//! [`http`]. Which markings it may show is a row of `privacy::tlp`, not a condition in the
//! output.
//!
//! # How to add a protocol
//!
//! The messages are written down first, in `proto/`, as CDDL with vectors that a
//! test reads. Encoding and its strict decoding belong to [`wire`]. The libp2p
//! behaviour goes into [`mesh`] behind a gate of its own, so that only members get
//! its handler; what it accepts reaches the node as an event. If it carries
//! indicators, its path gets a row in the table of markings. `examples/hostile_peer`
//! learns to abuse it, and `tests/it/processes/hostile/` says what must come of that.

// Tests say what they expect by failing; the rest of the leave is in .clippy.toml.
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::let_underscore_must_use,
        clippy::too_many_lines,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod ageing;
pub mod assess;
pub mod config;
pub mod detect;
pub mod formats;
pub mod hygiene;
pub mod keys;
pub mod model;
pub mod parse;
pub mod privacy;
pub mod reconcile;
pub mod wire;

#[cfg(feature = "node")]
pub mod bootstrap;
#[cfg(feature = "node")]
pub mod cli;
#[cfg(feature = "node")]
pub mod demo;
#[cfg(feature = "node")]
pub mod http;
#[cfg(feature = "node")]
pub mod lookup;
#[cfg(feature = "node")]
pub mod mesh;
#[cfg(feature = "node")]
pub mod metrics;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "node")]
pub mod store;
#[cfg(feature = "node")]
pub mod tls;
#[cfg(feature = "node")]
pub mod watch;
