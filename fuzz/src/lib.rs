//! What the fuzz targets do with their bytes: each module's `run` takes any bytes and panics when something is wrong.
//!
//! Ordinary code for a stable compiler. The targets in `fuzz/targets/` call it from libFuzzer, and `tests/tests/fuzz/`
//! plays the committed corpora on it.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod config;
pub mod events;
pub mod jobs;
pub mod journal;
pub mod wire;
