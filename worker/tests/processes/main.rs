//! The worker as a real process, driven over its pipes.

#![cfg(target_os = "linux")] // The tests look at processes through /proc.

mod calls;
mod ends;
mod support;
