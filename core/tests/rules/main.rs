//! Stories by hand: at least one test for every rule, whose name begins with it.
#[path = "../support/mod.rs"]
mod support;

mod fit_growth;
mod fit_machines;
mod fit_placement;
mod growth;
mod health;
mod holdings;
mod outside;
mod queue;
