//! Asking the running node.

use serde_json::Value;

use super::args::Global;
use super::failure::Failure;
use super::output::Output;
use super::settings::Settings;
use crate::http::client::Client;

/// The node that a configuration means, and a thread to wait on.
pub(super) struct Asking {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Asking {
    /// By the control socket that the configuration names.
    pub(super) fn new(global: &Global, output: &mut Output<'_>) -> Result<Self, Failure> {
        let settings = Settings::load(global, output)?;
        let config = settings.config();
        let client = Client::new(config.resolve(&config.admin.control_socket));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client, runtime })
    }

    /// Asks.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.runtime.block_on(self.client.get(path))?)
    }

    /// Tells.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        Ok(self.runtime.block_on(self.client.post(path, body))?)
    }
}
