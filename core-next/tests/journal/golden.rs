//! Golden files: a journal of each format, which stays readable for ever.
