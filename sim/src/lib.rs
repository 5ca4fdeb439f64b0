//! A virtual cluster for `remuda`.
#![forbid(unsafe_code)]

pub mod model;
mod rng;
mod subject;

pub use model::Model;
pub use rng::Rng;
pub use subject::Subject;
