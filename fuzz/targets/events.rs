//! The fuzz target `events`; what it does stands in `src/events.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remuda_fuzz::events::run(bytes));
