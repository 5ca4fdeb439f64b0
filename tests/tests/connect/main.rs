//! Workers that connect back, with real processes, sockets and signals, on both adapters.

mod cuts;
mod epochs;
mod hostile;
mod machines;
mod support;
