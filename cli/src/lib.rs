//! What `remuda run` reads: the parser of job files. Everything else of the command line lives in its binary.
pub mod jobs;
