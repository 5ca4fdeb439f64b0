//! The worker's side of a remuda cluster.
#![doc = "The protocol is in [`wire`]."]

pub mod wire;
