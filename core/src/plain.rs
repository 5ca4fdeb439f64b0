//! Machines of which a seat can be handed over with no look at their records: they are ok, and all that run there sit.

use alloc::vec::Vec;

use crate::id::MachineId;
use crate::list::NIL;

/// Four bytes for each slot, of which the caches keep many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    /// The id of a machine that is plain. Else [`NIL`], as for an id that does not fit.
    ids: Vec<u32>,
    /// How many of these are not that of their slot. While there are none, as long as no machine came after another that left,
    /// nobody waits for them to come from memory.
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

    /// The id of a machine that is.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> Option<MachineId> {
        let id = match self.odd {
            0 => slot,
            _ => *self.ids.get(slot as usize)?,
        };
        (id != NIL).then_some(MachineId(u64::from(id)))
    }

    /// A machine with this id is now, or one is not.
    pub(crate) fn set(&mut self, slot: u32, id: Option<MachineId>) {
        let id = short(id);
        let old = core::mem::replace(&mut self.ids[slot as usize], id);
        self.odd += u32::from(id != slot);
        self.odd -= u32::from(old != slot);
    }

    /// Whether these slots are as they were set, and the odd ones are counted.
    pub(crate) fn check(&self, mut all: impl Iterator<Item = (u32, Option<MachineId>)>) -> bool {
        let odd = (0..).zip(&self.ids).filter(|&(slot, &id)| id != slot);
        odd.count() == self.odd as usize
            && all.all(|(slot, id)| self.ids[slot as usize] == short(id))
    }
}

fn short(id: Option<MachineId>) -> u32 {
    id.and_then(|MachineId(id)| u32::try_from(id).ok())
        .unwrap_or(NIL)
}

#[cfg(test)]
mod tests {
    use super::Plain;
    use crate::id::MachineId;

    #[test]
    fn one_whose_id_does_not_fit_is_not_plain() {
        let mut plain = Plain::default();
        (0..2).for_each(|slot| plain.admit(slot));
        assert_eq!((plain.id(0), plain.id(1)), (None, None));
        for (id, fits) in [
            (0, true),
            (u64::from(u32::MAX) - 1, true),
            (u64::from(u32::MAX), false),
            (1 << 32 | 5, false),
        ] {
            let id = Some(MachineId(id));
            plain.set(1, id);
            assert_eq!((plain.id(0), plain.id(1)), (None, id.filter(|_| fits)));
        }
        plain.set(1, None);
        assert_eq!(plain.id(1), None);
    }
}
