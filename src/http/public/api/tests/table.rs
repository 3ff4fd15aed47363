//! The authorisation table, cell by cell, and that nothing stands beside it.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::Value as Json;
use utoipa::OpenApi as _;

use super::super::access::{Access, Denied, Route};
use super::super::openapi::Document;
use super::Bench;
use crate::model::Role::{self, Admin, Bouncer, Reader, Writer};
use crate::privacy::tlp::{ClientScope, View};

/// Which roles may go where, with scope green, amber and red.
const TABLE: [(Route, &[Role], &[Role], &[Role]); 7] = [
    (Route::List, &[Reader, Writer, Admin], &[Reader, Writer, Admin], &[Reader, Writer, Admin]),
    (Route::Stream, &[Reader, Writer, Admin], &[Reader, Writer, Admin], &[Reader, Writer, Admin]),
    (Route::Show, &[Reader, Writer, Admin], &[Reader, Writer, Admin], &[Reader, Writer, Admin]),
    (Route::Vote, &[Writer, Admin], &[Writer, Admin], &[Writer, Admin]),
    (Route::Add, &[], &[], &[Writer, Admin]),
    (Route::Share, &[], &[], &[Writer, Admin]),
    (Route::Retract, &[], &[], &[Writer, Admin]),
];

#[test]
fn every_route_for_every_role_and_scope() {
    let open: BTreeSet<Route> =
        Route::ALL.into_iter().filter(|route| route.access() == Access::Anybody).collect();
    assert_eq!(open, [Route::OpenApi].into(), "only what tells nothing is open");
    let rows: BTreeSet<Route> = TABLE.iter().map(|row| row.0).chain(open).collect();
    assert_eq!(rows, Route::ALL.into(), "a route without a row");
    for (route, green, amber, red) in TABLE {
        assert_eq!(route.decide(None), Err(Denied::NoToken));
        for (scope, roles) in ClientScope::ALL.into_iter().zip([green, amber, red]) {
            for role in Role::ALL {
                let got = route.decide(Some((role, scope)));
                if roles.contains(&role) {
                    assert_eq!(got, Ok(View::of(scope)), "{route:?} {role} {scope:?}");
                } else {
                    assert!(got.is_err(), "{route:?} {role} {scope:?}");
                }
            }
        }
    }
    assert_eq!(Route::List.decide(Some((Bouncer, ClientScope::Red))), Err(Denied::Role));
}

/// The path with something in the place of its parameter.
fn path(route: Route) -> String {
    route.path().replace("{indicator}", "45.155.205.1")
}

#[tokio::test]
async fn no_handler_is_reached_without_a_token_that_the_table_lets_in() {
    let bench = Bench::new();
    let bouncer = bench.token(Bouncer, ClientScope::Red).await;
    for route in Route::ALL.into_iter().filter(|route| route.access() != Access::Anybody) {
        let body = if route.method() == Method::GET { "" } else { "{}" };
        for (token, expected) in [
            ("", StatusCode::UNAUTHORIZED),
            ("dtim_wrong", StatusCode::UNAUTHORIZED),
            ("other", StatusCode::UNAUTHORIZED),
            (bouncer.as_str(), StatusCode::FORBIDDEN),
        ] {
            let (status, answer) = bench.ask(route.method(), &path(route), token, body).await;
            assert_eq!(status, expected, "{route:?} {answer}");
        }
    }
}

#[tokio::test]
async fn the_description_has_every_route_and_no_other() {
    let bench = Bench::new();
    let (status, document) = bench.get("/api/openapi.json", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_uppercase();
            let route = Route::ALL
                .into_iter()
                .find(|route| route.path() == path && route.method().as_str() == method);
            let route = route.unwrap_or_else(|| panic!("{method} {path} is not in the table"));
            let secured = operation.get("security").is_some();
            assert_eq!(secured, route.access() != Access::Anybody, "{method} {path}");
            described.insert(route);
        }
    }
    assert_eq!(described, Route::ALL.into());
    let same: Json = serde_json::to_value(Document::openapi()).unwrap();
    assert_eq!(same, document);
}
