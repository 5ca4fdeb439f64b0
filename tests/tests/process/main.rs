//! The process system with real processes and real signals, on both adapters: what it does, and every way it can break.

mod breaches;
mod calls;
mod cancels;
mod ends;
mod loss;
mod roles;
mod support;
