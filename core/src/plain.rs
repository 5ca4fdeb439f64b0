//! Machines of which a seat can be handed over with no look at their records: they are ok, and all that run there sit.

use alloc::vec::Vec;

use crate::id::MachineId;
use crate::list::NIL;

/// Four bytes for each slot, of which the caches keep many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    /// The id of a machine that is plain. Else [`NIL`], as for an id that does not fit.
    ids: Vec<u32>,
    /// How many of these are [`NIL`]. While there are none, whether a machine is plain is known before its line is there.
    odd: u32,
}

impl Plain {
    /// Makes room for the machine in a slot, which is not plain if none was there before.
    pub(crate) fn admit(&mut self, slot: u32) {
        if self.ids.len() == slot as usize {
            self.ids.push(NIL);
            self.odd += 1;
        }
    }

    /// Whether a machine is.
    #[inline]
    pub(crate) fn has(&self, slot: u32) -> bool {
        self.odd == 0 || self.ids[slot as usize] != NIL
    }

    /// The id of one that is.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> MachineId {
        MachineId(u64::from(self.ids[slot as usize]))
    }

    /// A machine with this id is now, or one is not.
    pub(crate) fn set(&mut self, slot: u32, id: Option<MachineId>) {
        let id = short(id);
        let old = core::mem::replace(&mut self.ids[slot as usize], id);
        self.odd += u32::from(id == NIL);
        self.odd -= u32::from(old == NIL);
    }

    /// Whether these slots are as they were set, and all are counted.
    pub(crate) fn check(&self, mut all: impl Iterator<Item = (u32, Option<MachineId>)>) -> bool {
        let odd = self.ids.iter().filter(|&&id| id == NIL).count();
        odd == self.odd as usize && all.all(|(slot, id)| self.ids[slot as usize] == short(id))
    }
}

fn short(id: Option<MachineId>) -> u32 {
    id.and_then(|MachineId(id)| u32::try_from(id).ok())
        .unwrap_or(NIL)
}

#[cfg(test)]
impl Plain {
    /// Spoils it: all are said to be plain.
    pub(crate) fn miscount(&mut self) {
        self.odd = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;
    use crate::id::MachineId;

    #[test]
    fn one_whose_id_does_not_fit_is_not_plain() {
        let mut plain = Plain::default();
        (0..2).for_each(|slot| plain.admit(slot));
        assert!(!plain.has(0) && !plain.has(1));
        plain.set(0, Some(MachineId(7)));
        for (id, has) in [(u32::MAX - 1, true), (u32::MAX, false)] {
            plain.set(1, Some(MachineId(u64::from(id))));
            assert_eq!((plain.has(0), plain.has(1)), (true, has));
        }
        plain.set(1, Some(MachineId(1 << 32 | 5)));
        assert!(!plain.has(1));
        plain.set(1, Some(MachineId(5)));
        assert!(plain.has(1) && plain.id(1) == MachineId(5));
        assert_eq!(plain.odd, 0);
    }
}
