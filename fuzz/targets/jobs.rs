//! The fuzz target `jobs`; what it does stands in `src/jobs.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remuda_fuzz::jobs::run(bytes));
