//! The fuzz target `journal`; what it does stands in `src/journal.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remuda_fuzz::journal::run(bytes));
