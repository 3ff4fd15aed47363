//! How far something may travel, how sure we are, how much of it we tell.

use std::fmt;
use std::str::FromStr;

/// Traffic Light Protocol (FIRST TLP 2.0), ordered from the widest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// May be told to everybody (TLP 2.0 CLEAR).
    White,
    /// May be told to the community.
    Green,
    /// The recipient's organisation and its clients.
    Amber,
    /// The recipient's organisation only.
    AmberStrict,
    /// The named recipients only.
    Red,
}

impl Tlp {
    /// Every marking, from the widest to the strictest.
    pub const ALL: [Self; 5] =
        [Self::White, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// The name on the wire and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }

    /// The stricter of two.
    pub fn strictest(self, other: Self) -> Self {
        self.max(other)
    }

    /// Reads a foreign marking: any case, an optional `TLP:`, `clear` for white.
    /// What is not known is the strictest, because guessing wider would leak.
    pub fn from_marking(text: &str) -> Self {
        text.parse().unwrap_or(Self::Red)
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tlp {
    type Err = BadTlp;

    fn from_str(text: &str) -> Result<Self, BadTlp> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.strip_prefix("tlp:").unwrap_or(&lower) {
            "white" | "clear" => Ok(Self::White),
            "green" => Ok(Self::Green),
            "amber" => Ok(Self::Amber),
            "amber+strict" => Ok(Self::AmberStrict),
            "red" => Ok(Self::Red),
            _ => Err(BadTlp(text.to_owned())),
        }
    }
}

/// A text that is not a marking.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a TLP marking: use white, green, amber, amber+strict or red")]
pub struct BadTlp(pub String);

/// How sure a reporter is, 0 to 100 (STIX 2.1 section 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Confidence(u8);

impl Confidence {
    /// No confidence at all.
    pub const ZERO: Self = Self(0);
    /// As likely as not.
    pub const HALF: Self = Self(50);
    /// Certainty.
    pub const MAX: Self = Self(100);

    /// None above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The nearest confidence to a share of 1; anything outside 0…1 is cut off.
    pub fn from_share(share: f64) -> Self {
        // The value is within 0…100 after the clamp and NaN casts to 0, so nothing is truncated.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self((share.clamp(0.0, 1.0) * 100.0).round() as u8)
    }

    /// 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// 0.0 to 1.0.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The privacy level: how much of a claim is told. Ordered from the least to the most told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Kind and value only.
    Strict,
    /// And confidence and times, cut to the hour.
    #[default]
    Moderate,
    /// And tags, a sightings bucket and custom fields.
    Open,
}

impl Level {
    /// Every level, from the least to the most told.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Moderate, Self::Open];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Moderate => "moderate",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| BadLevel(text.to_owned()))
    }
}

/// A text that is not a privacy level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a privacy level: use strict, moderate or open")]
pub struct BadLevel(pub String);
