//! STUB
#![allow(missing_docs)]
use crate::model::Source;
use std::path::{Path, PathBuf};
#[derive(Debug)]
pub struct Batch {
    pub source: Source,
    pub path: String,
    pub lines: Vec<Vec<u8>>,
    pub checkpoint: Vec<u8>,
}
#[derive(Debug)]
pub enum Target {
    File(PathBuf),
    Dir(PathBuf),
}
impl Target {
    pub fn path(&self) -> &Path {
        match self {
            Self::File(p) | Self::Dir(p) => p,
        }
    }
}
#[derive(Debug)]
pub enum From {
    Now,
    Start,
}
#[derive(Debug)]
pub struct Follow {
    pub source: Source,
    pub target: Target,
    pub from: From,
    pub checkpoint: Option<Vec<u8>>,
}
#[derive(Debug)]
pub struct Watch;
impl Watch {
    pub fn start(
        _f: Vec<Follow>,
        _m: crate::metrics::Metrics,
        _tx: std::sync::mpsc::SyncSender<Batch>,
    ) -> Result<Self, std::io::Error> {
        Ok(Self)
    }
}
