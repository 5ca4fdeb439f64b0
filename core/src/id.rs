//! The names of things: who creates a thing mints its id.
//!
//! The caller mints request, task and waiter ids, the manager mints machine ids (ascending from 0,
//! never reused). An id that the manager does not know is a [`Reject`](crate::Reject), never a
//! panic and never another's record.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// A request for procs, minted by the caller; printed `r7`.
    ///
    /// It may be used again once the request is finished, cancelled, lost or rejected (F4).
    ///
    /// ```
    /// assert_eq!(remuda::RequestId(7).to_string(), "r7");
    /// ```
    RequestId, "r"
}
id! {
    /// A task whose result lives on a machine (S14), minted by the caller; printed `t9`.
    TaskId, "t"
}
id! {
    /// Someone who waits for once-per-machine work (S16), minted by the caller; printed `w1`.
    ///
    /// It may be used again once it was answered.
    WaiterId, "w"
}
id! {
    /// A machine, minted by the manager when it asks for one (S7); printed `m3`.
    MachineId, "m"
}

/// Names work that runs exactly once on each machine however many ask for it (S16).
///
/// `kind` keeps unlike kinds of work apart (say, compiles and commits); `key` is the caller's own.
/// Printed `kind/key`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OnceKey {
    /// What sort of work it is.
    pub kind: u32,
    /// Which work of that sort.
    pub key: u64,
}

impl fmt::Display for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

impl fmt::Debug for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{MachineId, OnceKey, RequestId, TaskId, WaiterId};
    use alloc::format;

    #[test]
    fn ids_are_short_to_read() {
        let ids = (RequestId(7), TaskId(9), WaiterId(1), MachineId(3));
        assert_eq!(
            format!("{} {} {} {}", ids.0, ids.1, ids.2, ids.3),
            "r7 t9 w1 m3"
        );
        assert_eq!(format!("{ids:?}"), "(r7, t9, w1, m3)");
        let key = OnceKey { kind: 2, key: 5 };
        assert_eq!(
            (format!("{key}"), format!("{key:?}")),
            ("2/5".into(), "2/5".into())
        );
    }
}
