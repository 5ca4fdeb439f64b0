//! The invariants (signatures only, so far).

/// A broken invariant: a defect of this crate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    number: u32,
    name: &'static str,
}

impl Violation {
    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What should hold.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "invariant {} is broken: {}", self.number, self.name)
    }
}

impl core::error::Error for Violation {}
