//! What `remuda run` reads: the parser of job files, commands made of arguments, and what machines must have for a job.
//! Everything else of the command line lives in its binary.
pub mod jobs;
pub mod memory;
pub mod offers;
pub mod template;
