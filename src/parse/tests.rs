//! What each format's parser takes, refuses and must never be fooled by.
use super::*;
