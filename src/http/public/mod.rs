//! The public listener.

mod taxii;

pub use taxii::{Grant, Knock, router as taxii_router};
