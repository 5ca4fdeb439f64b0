//! The requests that wait, in the order of S3: a balanced tree of classes.
//!
//! Requests of equal (priority, procs) form one class, first in first out (T1): of these only the
//! first can be the next one placed. Each subtree knows how many requests it has and the least
//! procs any of them asks for, so S5's question is answered in O(log classes) however many wait.
//!
//! While no machine is free nobody asks, and the requests of many events are counted at once when somebody does.

use alloc::vec::Vec;
use core::cmp::Reverse;

use slab::Slab;

use crate::branch::likely;
use crate::fifo::Fifo;
use crate::hints::Hints;
use crate::list::{Moves, NIL, is_sparse, put};

/// What S3 sorts by: lower priority value first, then more procs.
pub(crate) type ClassKey = (i64, Reverse<u32>);

#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) priority: i64,
    pub(crate) procs: u32,
    /// Its requests, in order of arrival.
    pub(crate) requests: Fifo,
    /// How many requests it has; never zero.
    len: u32,
    /// How many of them are counted.
    counted: u32,
    /// How many that are counted its subtree has.
    total: u32,
    /// The least procs asked for in its subtree.
    least: u32,
    left: u32,
    right: u32,
    height: u8,
    /// Whether it is among those to be counted.
    to_count: bool,
}

impl Class {
    fn key(&self) -> ClassKey {
        (self.priority, Reverse(self.procs))
    }

    /// Whether it has one request and no other.
    #[inline]
    pub(crate) fn has_one(&self) -> bool {
        self.len == 1
    }

    /// One that is to be counted, and has others, has one request less; its procs.
    #[inline]
    pub(crate) fn shrink(&mut self) -> u32 {
        self.len -= 1;
        self.procs
    }
}

/// So many classes are counted at once at the most: one event should not have to do very much.
const MOST_TO_COUNT: usize = 1024;

/// An AVL tree through a slab.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    slab: Slab<Class>,
    root: u32,
    /// The first class in the order.
    first: u32,
    /// The classes that have more or fewer requests than are counted. The tree keeps its shape meanwhile.
    to_count: Vec<u32>,
    /// Where the class was that was joined last: likely the next one too. It may be there no more, or be another.
    recent: u32,
    /// The same of others.
    hints: Hints,
    /// Whether most of the memory is for classes that are gone.
    sparse: bool,
}

impl Classes {
    pub(crate) const fn new() -> Classes {
        Classes {
            slab: Slab::new(),
            root: NIL,
            first: NIL,
            to_count: Vec::new(),
            recent: NIL,
            hints: Hints::NONE,
            sparse: false,
        }
    }

    pub(crate) fn get(&self, class: u32) -> &Class {
        &self.slab[class as usize]
    }

    pub(crate) fn get_mut(&mut self, class: u32) -> &mut Class {
        &mut self.slab[class as usize]
    }

    /// The class of the first request that asks for at most `limit` procs, and how many requests are before that class.
    pub(crate) fn first_fit(&mut self, limit: u32) -> Option<(u32, u32)> {
        if self.slab.get(self.first as usize)?.procs <= limit {
            return Some((self.first, 0));
        }
        self.count();
        let (mut at, mut rank) = (self.root, 0);
        while self.subtree_least(at) <= limit {
            let class = self.get(at);
            if self.subtree_least(class.left) <= limit {
                at = class.left;
                continue;
            }
            rank += self.total(class.left);
            if class.procs <= limit {
                return Some((at, rank));
            }
            rank += class.counted;
            at = class.right;
        }
        None
    }

    /// The first class, if that is for so many procs and can have another number of requests without more ado, as it is to be
    /// counted anyway.
    #[inline(always)]
    pub(crate) fn first_to_count(&mut self, procs: u32) -> Option<&mut Class> {
        let class = self.slab.get_mut(self.first as usize)?;
        (likely(class.to_count) && likely(class.procs == procs)).then_some(class)
    }

    /// Whether the class that was joined last has this key and can have another number of requests without more ado.
    #[inline(always)]
    pub(crate) fn recent_is_to_count(&self, priority: i64, procs: u32) -> bool {
        match self.slab.get(self.recent as usize) {
            Some(class) => {
                likely(class.to_count)
                    && likely(class.procs == procs)
                    && likely(class.priority == priority)
            }
            None => false,
        }
    }

    /// This class has one request more, which the caller appends to its list.
    #[inline(always)]
    pub(crate) fn join_recent(&mut self) -> Fifo {
        let class = &mut self.slab[self.recent as usize];
        class.len += 1;
        class.requests
    }

    /// The class that was joined last.
    pub(crate) fn recent(&self) -> u32 {
        self.recent
    }

    /// How many requests are before a new one.
    pub(crate) fn rank(&mut self, priority: i64, procs: u32) -> u32 {
        self.count();
        let key = (priority, Reverse(procs));
        let (mut at, mut rank) = (self.root, 0);
        while let Some(class) = self.slab.get(at as usize) {
            if key < class.key() {
                at = class.left;
            } else {
                rank += self.total(class.left) + class.counted;
                at = class.right;
            }
        }
        rank
    }

    /// The class with this key, with room for one more request, which the caller appends.
    #[inline]
    pub(crate) fn join(&mut self, priority: i64, procs: u32) -> u32 {
        let key = (priority, Reverse(procs));
        if self.has_key(self.recent, key) {
            self.resize(self.recent, |len| *len += 1);
        } else {
            self.join_other(key);
        }
        self.recent
    }

    fn has_key(&self, class: u32, key: ClassKey) -> bool {
        let class = self.slab.get(class as usize);
        class.is_some_and(|class| class.key() == key)
    }

    /// The same for a class that is not the recent one, but is it then.
    #[inline(never)]
    fn join_other(&mut self, key: ClassKey) {
        let hint = self.hints.get(key);
        self.recent = if self.has_key(hint, key) {
            hint
        } else {
            self.find(key)
        };
        match self.recent {
            NIL => self.add(key),
            class => self.resize(class, |len| *len += 1),
        }
        if self.recent != hint {
            self.hints.note(key, self.recent);
        }
    }

    /// The class with a key, or none, looked up in the tree.
    #[inline(never)]
    fn find(&self, key: ClassKey) -> u32 {
        let mut at = self.root;
        while let Some(class) = self.slab.get(at as usize)
            && class.key() != key
        {
            at = if key < class.key() {
                class.left
            } else {
                class.right
            };
        }
        at
    }

    /// Adds a class with room for one request, which is the recent one then.
    #[inline(never)]
    fn add(&mut self, (priority, Reverse(procs)): ClassKey) {
        self.count();
        let class = Class {
            priority,
            procs,
            requests: Fifo::EMPTY,
            len: 1,
            counted: 1,
            total: 1,
            least: procs,
            left: NIL,
            right: NIL,
            height: 1,
            to_count: false,
        };
        let class = put(&mut self.slab, class);
        self.root = self.insert(self.root, class);
        self.first = self.leftmost(self.root);
        self.hints.suit(self.slab.len());
        self.recent = class;
    }

    /// One request of the class, which the caller has taken out of it, waits no more.
    #[inline]
    pub(crate) fn leave(&mut self, class: u32) {
        if self.get(class).len > 1 {
            self.resize(class, |len| *len -= 1);
        } else {
            self.dismiss(class);
        }
    }

    /// Drops a class that has nobody left.
    #[inline(never)]
    fn dismiss(&mut self, class: u32) {
        self.count();
        self.root = self.remove(self.root, class);
        self.slab.remove(class as usize);
        self.first = self.leftmost(self.root);
        self.sparse = is_sparse(&self.slab);
    }

    /// Whether most of the memory is for classes that are gone: then the caller compacts them.
    pub(crate) fn is_sparse(&self) -> bool {
        self.sparse
    }

    /// Gives back what a flood took: moves classes together. Those that moved have other slots.
    pub(crate) fn compact(&mut self) -> Moves {
        self.count();
        self.sparse = false;
        let moves = Moves::compact(&mut self.slab);
        for (_, class) in &mut self.slab {
            moves.follow(&mut class.left);
            moves.follow(&mut class.right);
        }
        moves.follow(&mut self.root);
        moves.follow(&mut self.first);
        self.hints = Hints::blank(self.slab.len());
        moves
    }

    /// A class has more or fewer requests, which are not counted yet.
    #[inline]
    fn resize(&mut self, class: u32, change: impl Fn(&mut u32)) {
        let it = self.get_mut(class);
        change(&mut it.len);
        if !it.to_count {
            it.to_count = true;
            self.remember(class);
        }
    }

    #[inline(never)]
    fn remember(&mut self, class: u32) {
        self.to_count.push(class);
        if self.to_count.len() == MOST_TO_COUNT {
            self.count();
        }
    }

    /// Counts all requests, if some are not.
    #[inline]
    fn count(&mut self) {
        while let Some(class) = self.to_count.pop() {
            self.count_in(class);
        }
    }

    /// Counts the requests of a class in every subtree that it is in.
    #[inline(never)]
    fn count_in(&mut self, class: u32) {
        let it = self.get_mut(class);
        let (key, old, new) = (it.key(), it.counted, it.len);
        (it.counted, it.to_count) = (new, false);
        let mut at = self.root;
        while at != class {
            let above = self.get_mut(at);
            above.total = above.total - old + new;
            at = if key < above.key() {
                above.left
            } else {
                above.right
            };
        }
        let it = self.get_mut(class);
        it.total = it.total - old + new;
    }

    fn insert(&mut self, at: u32, new: u32) -> u32 {
        if at == NIL {
            return new;
        }
        if self.get(new).key() < self.get(at).key() {
            let left = self.insert(self.get(at).left, new);
            self.get_mut(at).left = left;
        } else {
            let right = self.insert(self.get(at).right, new);
            self.get_mut(at).right = right;
        }
        self.balance(at)
    }

    fn remove(&mut self, at: u32, old: u32) -> u32 {
        let Class { left, right, .. } = *self.get(at);
        if at == old {
            if left == NIL || right == NIL {
                return if left == NIL { right } else { left };
            }
            let (first, rest) = self.take_first(right);
            let heir = self.get_mut(first);
            (heir.left, heir.right) = (left, rest);
            return self.balance(first);
        }
        if self.get(old).key() < self.get(at).key() {
            let left = self.remove(left, old);
            self.get_mut(at).left = left;
        } else {
            let right = self.remove(right, old);
            self.get_mut(at).right = right;
        }
        self.balance(at)
    }

    /// Takes the first class out of a subtree: that class, and what is left.
    fn take_first(&mut self, at: u32) -> (u32, u32) {
        let Class { left, right, .. } = *self.get(at);
        if left == NIL {
            return (at, right);
        }
        let (first, rest) = self.take_first(left);
        self.get_mut(at).left = rest;
        (first, self.balance(at))
    }

    /// Makes a subtree, whose parts are sound, sound; returns its root.
    fn balance(&mut self, at: u32) -> u32 {
        let Class { left, right, .. } = *self.get(at);
        if self.height(left) > self.height(right) + 1 {
            let Class {
                left: outer,
                right: inner,
                ..
            } = *self.get(left);
            if self.height(inner) > self.height(outer) {
                let left = self.rotate_left(left);
                self.get_mut(at).left = left;
            }
            return self.rotate_right(at);
        }
        if self.height(right) > self.height(left) + 1 {
            let Class {
                left: inner,
                right: outer,
                ..
            } = *self.get(right);
            if self.height(inner) > self.height(outer) {
                let right = self.rotate_right(right);
                self.get_mut(at).right = right;
            }
            return self.rotate_left(at);
        }
        self.update(at);
        at
    }

    fn rotate_right(&mut self, at: u32) -> u32 {
        let up = self.get(at).left;
        self.get_mut(at).left = self.get(up).right;
        self.update(at);
        self.get_mut(up).right = at;
        self.update(up);
        up
    }

    fn rotate_left(&mut self, at: u32) -> u32 {
        let up = self.get(at).right;
        self.get_mut(at).right = self.get(up).left;
        self.update(at);
        self.get_mut(up).left = at;
        self.update(up);
        up
    }

    fn update(&mut self, at: u32) {
        let Class {
            left,
            right,
            counted,
            procs,
            ..
        } = *self.get(at);
        let total = counted + self.total(left) + self.total(right);
        let least = procs
            .min(self.subtree_least(left))
            .min(self.subtree_least(right));
        let height = 1 + self.height(left).max(self.height(right));
        let class = self.get_mut(at);
        (class.total, class.least, class.height) = (total, least, height);
    }

    fn total(&self, at: u32) -> u32 {
        self.slab.get(at as usize).map_or(0, |class| class.total)
    }

    fn subtree_least(&self, at: u32) -> u32 {
        self.slab
            .get(at as usize)
            .map_or(u32::MAX, |class| class.least)
    }

    fn height(&self, at: u32) -> u8 {
        self.slab.get(at as usize).map_or(0, |class| class.height)
    }

    /// What the requests of a class ask for, if there is that class.
    pub(crate) fn procs(&self, class: u32) -> Option<u32> {
        self.slab.get(class as usize).map(|class| class.procs)
    }

    /// All classes, in no order that means anything.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u32, &Class)> {
        // There are fewer than 2^32.
        self.slab.iter().map(|(slot, class)| (slot as u32, class))
    }

    /// The lists of all classes, in no order that means anything.
    pub(crate) fn lists_mut(&mut self) -> impl Iterator<Item = &mut Fifo> {
        self.slab.iter_mut().map(|(_, class)| &mut class.requests)
    }

    /// The classes in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Class> {
        let mut next = self.first();
        core::iter::from_fn(move || {
            let class = self.get(next?);
            next = self.after(class.key());
            Some(class)
        })
    }

    /// The slot of the first class.
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NIL).then_some(self.first)
    }

    /// The first class of a subtree.
    fn leftmost(&self, mut at: u32) -> u32 {
        let mut first = NIL;
        while let Some(class) = self.slab.get(at as usize) {
            first = at;
            at = class.left;
        }
        first
    }

    fn after(&self, key: ClassKey) -> Option<u32> {
        let mut at = self.root;
        let mut found = None;
        while let Some(class) = self.slab.get(at as usize) {
            if key < class.key() {
                found = Some(at);
                at = class.left;
            } else {
                at = class.right;
            }
        }
        found
    }

    /// Whether the tree is sound: in order, balanced, its sums right, and no class lost or empty.
    pub(crate) fn check(&self) -> bool {
        let mut count = 0;
        let sound = self.check_in(self.root, None, None, &mut count);
        let first = self.first == self.leftmost(self.root);
        let classes = || self.slab.iter().map(|(_, class)| class);
        let mut to_count = self.to_count.clone();
        to_count.sort_unstable();
        to_count.dedup();
        let is_to_be = |&class: &u32| {
            let class = self.slab.get(class as usize);
            class.is_some_and(|class| class.to_count)
        };
        sound
            && first
            && count == self.slab.len()
            && classes().all(|class| class.to_count || class.counted == class.len)
            && to_count.iter().all(is_to_be)
            && to_count.len() == self.to_count.len()
            && classes().filter(|class| class.to_count).count() == to_count.len()
    }

    fn check_in(
        &self,
        at: u32,
        above: Option<ClassKey>,
        below: Option<ClassKey>,
        count: &mut usize,
    ) -> bool {
        let Some(class) = self.slab.get(at as usize) else {
            return at == NIL;
        };
        *count += 1;
        let key = class.key();
        let (left, right) = (self.height(class.left), self.height(class.right));
        let sums = class.total == class.counted + self.total(class.left) + self.total(class.right);
        let parts = self
            .subtree_least(class.left)
            .min(self.subtree_least(class.right));
        above.is_none_or(|bound| bound < key)
            && below.is_none_or(|bound| key < bound)
            && class.len > 0
            && class.height == 1 + left.max(right)
            && left.abs_diff(right) <= 1
            && sums
            && class.least == class.procs.min(parts)
            && self.check_in(class.left, above, Some(key), count)
            && self.check_in(class.right, Some(key), below, count)
    }

    /// How many requests a class says it has.
    pub(crate) fn len_of(class: &Class) -> u32 {
        class.len
    }
}

#[cfg(test)]
mod tests;
