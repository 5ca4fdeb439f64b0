//! The golden scripts, `tests/scripts/*.txt`: one story each, named after its rule. They say what the core and the
//! model decide, and so what clients and machines see of it through both adapters.
//!
//! `REMUDA_BLESS=1 cargo test -p remuda-tests --test golden` writes what the core decides into them. Read what changed
//! against the rules before you commit it.

mod clients;
mod covered;
mod on_adapters;
mod on_core;
mod stage;
mod stories;
