//! Ids: of requests, tasks and waiters, which the caller chooses, of machines and of kinds.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub u64);

        number!($name, u64);
        debug_as_display!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}

id! {
    /// A request, chosen by the caller; printed `r7`.
    ///
    /// The manager forgets it when the request is finished, cancelled, expired, lost or rejected
    /// (F4). Do not use an id again while an answer to its old request can still come: a late
    /// *done* without a machine, or a late *cancel*, would be taken for the new one. Counting up
    /// from 0 never uses one again.
    ///
    /// ```
    /// assert_eq!(remuda::RequestId(7).to_string(), "r7");
    /// assert_eq!(u64::from(remuda::RequestId::from(7)), 7);
    /// ```
    RequestId, "r"
}
id! {
    /// A task whose result lives on a machine (S14), chosen by the caller; printed `t9`.
    TaskId, "t"
}
id! {
    /// One who asked for once-per-machine work (S16), chosen by the caller; printed `w1`.
    ///
    /// It may be used again once it was answered.
    WaiterId, "w"
}
/// A machine; printed `m3`, or `j3` for the joiner [`MachineId::joined`]`(3)`.
///
/// Ids below 2^63 are given by the manager, ascending from 0, when it asks for machines (G4). Ids
/// from 2^63 up are the caller's, for machines that join by themselves (J1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineId(pub u64);

impl MachineId {
    /// The first id of those that join by themselves.
    const FIRST_JOINED: u64 = 1 << 63;

    /// The id of the nth machine that joins by itself (J1), `n` below 2^63.
    ///
    /// ```
    /// use remuda::MachineId;
    ///
    /// assert_eq!(MachineId::joined(3).to_string(), "j3");
    /// assert_eq!(MachineId(3).to_string(), "m3");
    /// ```
    pub const fn joined(n: u64) -> MachineId {
        MachineId(n | MachineId::FIRST_JOINED)
    }

    /// Whether it is an id of a machine that joined by itself (J1).
    pub const fn is_joined(self) -> bool {
        self.0 >= MachineId::FIRST_JOINED
    }
}

number!(MachineId, u64);

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_joined() {
            false => write!(f, "m{}", self.0),
            true => write!(f, "j{}", self.0 - MachineId::FIRST_JOINED),
        }
    }
}

/// A kind of machine: its number in [`Config::kinds`](crate::Config), from 0; printed `k0`.
///
/// A number that the config does not have is a rejection, not a panic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KindId(pub u8);

number!(KindId, u8);

impl fmt::Display for KindId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// A set of kinds, one bit each (R3).
///
/// ```
/// use remuda::{KindId, Kinds};
///
/// let gpus = Kinds::NONE.with(KindId(2)).with(KindId(5));
/// assert!(gpus.contains(KindId(5)) && !gpus.contains(KindId(0)));
/// assert_eq!(gpus.to_string(), "k2+k5");
/// assert_eq!(Kinds::ALL.to_string(), "all");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Kinds(u64);

impl Kinds {
    /// No kind.
    pub const NONE: Kinds = Kinds(0);
    /// Every kind there is.
    pub const ALL: Kinds = Kinds(u64::MAX);

    /// The kinds whose bits are set: bit n is kind n.
    pub const fn from_bits(bits: u64) -> Kinds {
        Kinds(bits)
    }

    /// One bit for each kind.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// This set and one kind more. A number above 63 adds nothing.
    #[must_use]
    pub const fn with(self, kind: KindId) -> Kinds {
        Kinds(self.0 | Kinds::bit(kind))
    }

    /// The kinds that are in this set, the other, or both.
    #[must_use]
    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether any kind is in both sets.
    pub const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the kind is in the set.
    pub const fn contains(self, kind: KindId) -> bool {
        self.0 & Kinds::bit(kind) != 0
    }

    const fn bit(kind: KindId) -> u64 {
        if kind.0 < 64 { 1 << kind.0 } else { 0 }
    }
}

impl From<KindId> for Kinds {
    fn from(kind: KindId) -> Kinds {
        Kinds::NONE.with(kind)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kinds::ALL => f.write_str("all"),
            Kinds::NONE => f.write_str("none"),
            Kinds(bits) => {
                let mut between = "";
                for kind in (0..64).filter(|kind| bits & (1 << kind) != 0) {
                    write!(f, "{between}k{kind}")?;
                    between = "+";
                }
                Ok(())
            }
        }
    }
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

debug_as_display!(MachineId, KindId, Kinds, OnceKey);

#[cfg(test)]
mod tests {
    use super::{KindId, Kinds, MachineId, OnceKey, RequestId, TaskId, WaiterId};
    use alloc::{format, string::ToString};

    #[test]
    fn ids_are_short_to_read() {
        let ids = (RequestId(7), TaskId(9), WaiterId(1), MachineId(3));
        let text = format!("{} {} {} {}", ids.0, ids.1, ids.2, ids.3);
        assert_eq!(text, "r7 t9 w1 m3");
        assert_eq!(format!("{ids:?}"), "(r7, t9, w1, m3)");
        let key = OnceKey { kind: 2, key: 5 };
        assert_eq!(
            (format!("{key}"), format!("{key:?}")),
            ("2/5".into(), "2/5".into())
        );
        assert_eq!(format!("{:?} {}", KindId(4), MachineId::joined(9)), "k4 j9");
    }

    #[test]
    fn a_set_of_kinds_has_no_kind_above_63() {
        assert_eq!(Kinds::NONE.with(KindId(64)), Kinds::NONE);
        assert!(!Kinds::ALL.contains(KindId(64)));
        assert!(Kinds::from(KindId(63)).contains(KindId(63)));
        assert_eq!(Kinds::NONE.to_string(), "none");
    }
}
