//! The fuzz target `bytes`; what it does stands in `src/bytes.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remuda_fuzz::bytes::run(bytes));
