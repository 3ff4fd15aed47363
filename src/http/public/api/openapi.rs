//! The description of the API for programs (OpenAPI 3.1), made from the code.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{indicators, stream, types};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "DTIM node",
        description = "Indicators of a DTIM node, for its organisation's own clients. A token \
            (`dtim tokens create`) has a role and a scope; what its scope does not show is in \
            no answer, number or time."
    ),
    paths(
        document,
        indicators::list,
        indicators::add,
        stream::stream,
        indicators::show,
        indicators::share,
        indicators::retract,
        indicators::vote,
    ),
    components(schemas(types::Indicator)),
    modifiers(&Token)
)]
pub(super) struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
