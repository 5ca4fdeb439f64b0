//! Data structures through the records of slabs: a record holds its own links, so that it joins and
//! leaves without search or allocation. They know nothing of machines and requests.

pub(crate) mod hash;
pub(crate) mod heap;
pub(crate) mod list;
pub(crate) mod table;
pub(crate) mod tree;
