//! The fuzz target `wire`; what it does stands in `src/wire.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remuda_fuzz::wire::run(bytes));
