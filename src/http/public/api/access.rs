//! Which route lets whom do what: one table, and the decision by it. Pure.

#[cfg(test)]
use axum::http::Method;

use crate::model::Role::{self, Admin, Reader, Writer};
use crate::privacy::tlp::{ClientScope, View};

/// A route of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// What there is, for programs.
    OpenApi,
    /// A page of indicators.
    List,
    /// A new indicator.
    Add,
    /// Changes as they happen.
    Stream,
    /// One indicator and why.
    Show,
    /// How far one may travel.
    Share,
    /// Taking one back.
    Retract,
    /// This organisation's vote.
    Vote,
}

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever asks. It shows nothing of what this node knows.
    Anybody,
    /// Clients with a token.
    Token {
        /// In one of these roles.
        roles: &'static [Role],
        /// That shows this much at least.
        scope: ClientScope,
    },
}

/// Why a client may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It shows no token, or one that is not good.
    #[error(
        "this needs a token in the header Authorization: Bearer; `dtim tokens create` makes one"
    )]
    NoToken,
    /// Its token is for something else.
    #[error("the role of this token does not allow this")]
    Role,
    /// It would change what it cannot see.
    #[error(
        "this needs a token of scope red, because it changes what is known of an indicator, \
         also what a lesser scope does not show"
    )]
    Scope,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 8] = [
        Self::OpenApi,
        Self::List,
        Self::Add,
        Self::Stream,
        Self::Show,
        Self::Share,
        Self::Retract,
        Self::Vote,
    ];

    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenApi => "/api/openapi.json",
            Self::List | Self::Add => "/api/v1/indicators",
            Self::Stream => "/api/v1/indicators/stream",
            Self::Show | Self::Share => "/api/v1/indicators/{indicator}",
            Self::Retract => "/api/v1/indicators/{indicator}/retract",
            Self::Vote => "/api/v1/indicators/{indicator}/vote",
        }
    }

    /// Its method.
    #[cfg(test)]
    pub fn method(self) -> Method {
        match self {
            Self::OpenApi | Self::List | Self::Stream | Self::Show => Method::GET,
            Self::Add | Self::Retract | Self::Vote => Method::POST,
            Self::Share => Method::PATCH,
        }
    }

    /// Whom it is for.
    pub fn access(self) -> Access {
        match self {
            Self::OpenApi => Access::Anybody,
            Self::List | Self::Stream | Self::Show => {
                Access::Token { roles: &[Reader, Writer, Admin], scope: ClientScope::Green }
            }
            Self::Vote => Access::Token { roles: &[Writer, Admin], scope: ClientScope::Green },
            Self::Add | Self::Share | Self::Retract => {
                Access::Token { roles: &[Writer, Admin], scope: ClientScope::Red }
            }
        }
    }

    /// What a client may see there, if it may go there at all.
    pub fn decide(self, token: Option<(Role, ClientScope)>) -> Result<View, Denied> {
        match (self.access(), token) {
            (Access::Anybody, _) => Ok(View::Public),
            (Access::Token { .. }, None) => Err(Denied::NoToken),
            (Access::Token { roles, scope }, Some((role, has))) => {
                if !roles.contains(&role) {
                    return Err(Denied::Role);
                }
                if has < scope {
                    return Err(Denied::Scope);
                }
                Ok(View::of(has))
            }
        }
    }
}
