//! What `remuda run` reads: the parser of job files, and commands made of arguments. Everything else of the command line lives
//! in its binary.
pub mod jobs;
pub mod template;
