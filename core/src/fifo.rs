//! First-in, first-out lists of request ids that any of them can leave, in chunks of one line of the cache: some eleven bytes
//! an id, and never more than a line.

use core::num::NonZeroU8;

use alloc::vec::Vec;
use slab::Slab;

use crate::id::RequestId;
use crate::list::{Moves, NIL, is_sparse, put};

/// Ids of a chunk.
const IDS: usize = 6;

/// A spot is a chunk and a number below this.
const SPOTS: u32 = 8;

/// Some ids of a list, one after the other.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Chunk {
    ids: [RequestId; IDS],
    prev: u32,
    next: u32,
    /// Whose list it is part of.
    owner: u32,
    /// How many spots were ever taken.
    taken: NonZeroU8,
    /// A bit for each that is there.
    there: u8,
}

impl Chunk {
    /// The first id.
    #[inline]
    fn first(&self) -> RequestId {
        self.ids[self.there.trailing_zeros() as usize]
    }

    /// Whether there is only one.
    #[inline]
    pub(crate) fn has_one(&self) -> bool {
        self.others() == 0
    }

    /// Takes the first id out: that, and a bit for each that is left.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<(RequestId, u8)> {
        let first = *self.ids.get(self.there.trailing_zeros() as usize)?;
        self.there = self.others();
        Some((first, self.there))
    }

    /// Bits for all but the first.
    #[inline]
    fn others(&self) -> u8 {
        self.there & self.there.wrapping_sub(1)
    }

    /// Appends an id; the number of its spot. None, if there is no room.
    #[inline]
    fn push(&mut self, id: RequestId) -> Option<u32> {
        let spot = self.taken.get();
        *self.ids.get_mut(usize::from(spot))? = id;
        self.taken = NonZeroU8::MIN.saturating_add(spot);
        self.there |= 1 << spot;
        Some(u32::from(spot))
    }
}

/// The ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fifo {
    head: u32,
    tail: u32,
}

impl Fifo {
    pub(crate) const EMPTY: Fifo = Fifo {
        head: NIL,
        tail: NIL,
    };
}

/// The chunks of all lists.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    slab: Slab<Chunk>,
    /// Whether most of the memory is for chunks that are gone.
    sparse: bool,
}

impl Chunks {
    pub(crate) const fn new() -> Chunks {
        Chunks {
            slab: Slab::new(),
            sparse: false,
        }
    }

    /// Appends an id to the list of an owner; its spot, by which it leaves.
    #[inline]
    pub(crate) fn push(&mut self, owner: u32, fifo: &mut Fifo, id: RequestId) -> u32 {
        match self.append(*fifo, id) {
            Some(spot) => spot,
            None => self.link(owner, fifo, id),
        }
    }

    /// Appends an id, if the last chunk of the list has room for one more; its spot.
    #[inline]
    pub(crate) fn append(&mut self, fifo: Fifo, id: RequestId) -> Option<u32> {
        let chunk = self.slab.get_mut(fifo.tail as usize)?;
        let spot = chunk.push(id)?;
        Some(fifo.tail * SPOTS + spot)
    }

    /// Appends a chunk with one id; its spot.
    #[inline(never)]
    fn link(&mut self, owner: u32, fifo: &mut Fifo, id: RequestId) -> u32 {
        let mut ids = [RequestId(0); IDS];
        ids[0] = id;
        let chunk = Chunk {
            ids,
            prev: fifo.tail,
            next: NIL,
            owner,
            taken: NonZeroU8::MIN,
            there: 1,
        };
        let chunk = put(&mut self.slab, chunk);
        match fifo.tail {
            NIL => fifo.head = chunk,
            tail => self.slab[tail as usize].next = chunk,
        }
        fifo.tail = chunk;
        chunk * SPOTS
    }

    /// Whose list a spot is part of, if there is that spot.
    pub(crate) fn owner(&self, spot: u32) -> Option<u32> {
        let chunk = self.slab.get((spot / SPOTS) as usize);
        chunk.map(|chunk| chunk.owner)
    }

    /// The first id of a list that is not empty.
    pub(crate) fn first(&self, fifo: Fifo) -> RequestId {
        self.slab[fifo.head as usize].first()
    }

    /// Takes the first id out of a list that is not empty.
    #[inline]
    pub(crate) fn pop(&mut self, fifo: &mut Fifo) -> RequestId {
        let chunk = &mut self.slab[fifo.head as usize];
        let Some((id, left)) = chunk.take() else {
            unreachable!("no chunk is empty");
        };
        if left == 0 {
            self.unlink(fifo, fifo.head);
        }
        id
    }

    /// The first chunk of a list.
    #[inline]
    pub(crate) fn head(&mut self, fifo: Fifo) -> Option<&mut Chunk> {
        self.slab.get_mut(fifo.head as usize)
    }

    /// Drops the first chunk of a list, if it is empty.
    #[inline]
    pub(crate) fn drop_head(&mut self, fifo: &mut Fifo) {
        if self.slab[fifo.head as usize].there == 0 {
            self.unlink(fifo, fifo.head);
        }
    }

    /// Takes the id of a spot out of its list.
    pub(crate) fn leave(&mut self, fifo: &mut Fifo, spot: u32) {
        let slot = spot / SPOTS;
        let chunk = &mut self.slab[slot as usize];
        chunk.there &= !(1 << (spot % SPOTS));
        if chunk.there == 0 {
            self.unlink(fifo, slot);
        }
    }

    /// Takes an empty chunk out of its list.
    #[inline(never)]
    fn unlink(&mut self, fifo: &mut Fifo, slot: u32) {
        let Chunk { prev, next, .. } = self.slab.remove(slot as usize);
        match prev {
            NIL => fifo.head = next,
            prev => self.slab[prev as usize].next = next,
        }
        match next {
            NIL => fifo.tail = prev,
            next => self.slab[next as usize].prev = prev,
        }
        self.sparse = is_sparse(&self.slab);
    }

    /// The ids of a list from first to last, with their spots.
    pub(crate) fn iter(&self, fifo: Fifo) -> impl Iterator<Item = (RequestId, u32)> + use<'_> {
        self.chunks(fifo).flat_map(|(slot, _)| self.there(slot))
    }

    fn chunks(&self, fifo: Fifo) -> impl Iterator<Item = (u32, &Chunk)> {
        let mut next = fifo.head;
        core::iter::from_fn(move || {
            let slot = next;
            let chunk = self.slab.get(slot as usize)?;
            next = chunk.next;
            Some((slot, chunk))
        })
    }

    /// Whether most of the memory is for chunks that are gone: then the caller compacts them.
    pub(crate) fn is_sparse(&self) -> bool {
        self.sparse
    }

    /// Gives back what a flood took: moves chunks together, and says of each id that was moved where it is now. `fifos`
    /// are the ends of all lists.
    pub(crate) fn compact<'a>(
        &mut self,
        fifos: impl Iterator<Item = &'a mut Fifo>,
    ) -> Vec<(RequestId, u32)> {
        self.sparse = false;
        let moves = Moves::compact(&mut self.slab);
        for (_, chunk) in &mut self.slab {
            moves.follow(&mut chunk.prev);
            moves.follow(&mut chunk.next);
        }
        for fifo in fifos {
            moves.follow(&mut fifo.head);
            moves.follow(&mut fifo.tail);
        }
        moves.moved().flat_map(|slot| self.there(slot)).collect()
    }

    /// A list has another owner.
    pub(crate) fn adopt(&mut self, fifo: Fifo, owner: u32) {
        let mut next = fifo.head;
        while let Some(chunk) = self.slab.get_mut(next as usize) {
            chunk.owner = owner;
            next = chunk.next;
        }
    }

    /// The ids of a chunk, with their spots.
    fn there(&self, slot: u32) -> impl Iterator<Item = (RequestId, u32)> + use<> {
        let Chunk { ids, there, .. } = self.slab[slot as usize];
        let spots = (0..).zip(ids);
        let there = spots.filter(move |(spot, _)| there >> spot & 1 == 1);
        there.map(move |(spot, id)| (id, slot * SPOTS + spot))
    }

    /// Whether these lists of owners are sound, in both directions, and all there is.
    pub(crate) fn check(&self, fifos: impl Iterator<Item = (u32, Fifo)>) -> bool {
        let mut seen = 0;
        let sound = |(owner, fifo): (u32, Fifo)| {
            let mut last = NIL;
            let sound = self.chunks(fifo).all(|(slot, chunk)| {
                let linked = chunk.prev == last && chunk.owner == owner;
                (seen, last) = (seen + 1, slot);
                let taken = chunk.taken.get();
                let within = taken as usize <= IDS && u32::from(chunk.there) >> taken == 0;
                // No chunk has two before it, so this comes to an end.
                linked && within && chunk.there != 0
            });
            sound && last == fifo.tail
        };
        { fifos }.all(sound) && seen == self.slab.len()
    }
}

#[cfg(test)]
impl Chunks {
    /// For how many chunks there is memory.
    pub(crate) fn capacity(&self) -> usize {
        self.slab.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Chunks, Fifo, NIL};
    use crate::id::RequestId;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;

    fn check(chunks: &Chunks, fifos: &[Fifo], models: &[VecDeque<(RequestId, u32)>]) {
        assert!(chunks.check((0..).zip(fifos.iter().copied())));
        for (fifo, model) in fifos.iter().zip(models) {
            assert!(chunks.iter(*fifo).eq(model.iter().copied()));
            assert_eq!(*fifo == Fifo::EMPTY, model.is_empty());
        }
    }

    #[test]
    fn lists_keep_their_order_whoever_leaves_and_share_what_there_is() {
        let mut chunks = Chunks::new();
        let mut fifos = [Fifo::EMPTY; 3];
        let mut models: [VecDeque<(RequestId, u32)>; 3] = Default::default();
        let mut x = 1u64;
        for n in 0..30_000 {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let which = (x >> 40) as usize % 3;
            let (fifo, model) = (&mut fifos[which], &mut models[which]);
            // More come than go, and then the other way round.
            let comes = match n % 3000 {
                ..1500 => x >> 20 & 3 != 0,
                _ => x >> 20 & 3 == 0,
            };
            if comes || model.is_empty() {
                model.push_back((RequestId(n), chunks.push(which as u32, fifo, RequestId(n))));
            } else if x >> 22 & 1 == 0 {
                let first = model.pop_front().map(|(id, _)| id);
                assert_eq!(Some(chunks.first(*fifo)), first);
                assert_eq!(Some(chunks.pop(fifo)), first);
            } else {
                let (_, spot) = model.remove((x >> 50) as usize % model.len()).unwrap();
                chunks.leave(fifo, spot);
            }
            if chunks.is_sparse() {
                for (id, spot) in chunks.compact(fifos.iter_mut()) {
                    let all = models.iter_mut().flatten();
                    { all }.find(|(other, _)| *other == id).unwrap().1 = spot;
                }
                assert!(!chunks.is_sparse());
            }
            check(&chunks, &fifos, &models);
        }
    }

    #[test]
    fn what_a_flood_took_is_given_back_also_while_some_stay() {
        let (mut chunks, mut fifo) = (Chunks::new(), Fifo::EMPTY);
        let spots: Vec<u32> = (0..60_000)
            .map(|n| chunks.push(7, &mut fifo, RequestId(n)))
            .collect();
        assert!(chunks.slab.capacity() >= 10_000);
        for (n, spot) in spots.into_iter().enumerate() {
            if n % 6000 != 5999 {
                chunks.leave(&mut fifo, spot);
            }
        }
        assert!(chunks.is_sparse());
        let moved = chunks.compact(core::iter::once(&mut fifo));
        assert_eq!(moved.len(), 10);
        assert!(chunks.check(core::iter::once((7, fifo))));
        chunks.adopt(fifo, 9);
        assert!(chunks.check(core::iter::once((9, fifo))));
        let stayed: Vec<u64> = chunks.iter(fifo).map(|(id, _)| id.0).collect();
        assert!(stayed.into_iter().eq((5999..60_000).step_by(6000)));
        assert!(chunks.slab.capacity() <= 64);
    }

    #[test]
    fn a_few_chunks_or_an_eighth_of_many_are_not_sparse() {
        let (mut chunks, mut fifo) = (Chunks::new(), Fifo::EMPTY);
        for (capacity, left) in [(64, 1), (128, 16)] {
            chunks.slab = slab::Slab::with_capacity(capacity);
            assert_eq!(chunks.slab.capacity(), capacity);
            fifo = Fifo::EMPTY;
            for n in 0..left * 6 {
                chunks.push(7, &mut fifo, RequestId(n));
            }
            assert!(!chunks.is_sparse(), "{left} of {capacity}");
        }
        for _ in 0..6 {
            chunks.pop(&mut fifo);
        }
        assert!(chunks.is_sparse());
    }

    #[test]
    fn a_chunk_is_a_line() {
        assert_eq!(size_of::<Chunk>(), 64);
        // As in a slab, whose vacant entries need no more room.
        #[expect(dead_code, reason = "only its size is asked for")]
        enum Entry {
            Vacant(usize),
            Occupied(Chunk),
        }
        assert_eq!(size_of::<Entry>(), 64);
    }

    /// What the check says of a list of three chunks, spoilt.
    fn is_sound(spoil: impl FnOnce(&mut Chunks, &mut Fifo)) -> bool {
        let (mut chunks, mut fifo) = (Chunks::new(), Fifo::EMPTY);
        for n in 0..15 {
            chunks.push(7, &mut fifo, RequestId(n));
        }
        spoil(&mut chunks, &mut fifo);
        chunks.check(core::iter::once((7, fifo)))
    }

    #[test]
    fn a_list_that_is_not_sound_is_noticed() {
        assert!(is_sound(|_, _| ()));
        assert!(is_sound(|chunks, fifo| _ = chunks.pop(fifo)));
        assert!(!is_sound(|_, fifo| *fifo = Fifo::EMPTY));
        assert!(!is_sound(|_, fifo| fifo.tail = 1));
        assert!(!is_sound(|_, fifo| fifo.head = 1));
        assert!(!is_sound(|chunks, _| chunks.slab[1].owner = 8));
        assert!(!is_sound(|chunks, _| chunks.slab[1].prev = NIL));
        assert!(!is_sound(|chunks, _| _ = chunks.slab.remove(1)));
        assert!(!is_sound(|chunks, _| chunks.slab[1].there = 0));
        assert!(!is_sound(|chunks, _| chunks.slab[2].there = 0b1111));
        let overfull = |chunks: &mut Chunks, _: &mut Fifo| {
            chunks.slab[0].taken = 7.try_into().unwrap();
        };
        assert!(!is_sound(overfull));
        // A ring without end.
        let ring = |chunks: &mut Chunks, fifo: &mut Fifo| {
            chunks.slab[2].next = 0;
            chunks.slab[0].prev = 2;
            fifo.head = 0;
        };
        assert!(!is_sound(ring));
    }
}
