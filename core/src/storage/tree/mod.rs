//! A balanced search tree through the records of a slab. Each node knows a *summary* of all records
//! below it, so that a search can leave out whole subtrees.
//!
//! It is an AVL tree: the heights of two siblings differ by one at the most.

mod search;

use core::marker::PhantomData;

use slab::Slab;

use super::list::NIL;

/// A record that can be in a tree.
pub(crate) trait Node {
    /// What the records are ordered by; no two in a tree have the same.
    type Key: Ord;
    /// What is known of all records of a subtree.
    type Summary: Copy + PartialEq;

    fn key(&self) -> Self::Key;
    /// The summary of this record alone.
    fn own(&self) -> Self::Summary;
    /// The summary of two disjoint sets of records.
    fn join(a: Self::Summary, b: Self::Summary) -> Self::Summary;
    fn branch(&self) -> &Branch<Self::Summary>;
    fn branch_mut(&mut self) -> &mut Branch<Self::Summary>;
}

/// A record's place in a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch<S> {
    parent: u32,
    /// The one on the left, where the keys are less, and the one on the right.
    children: [u32; 2],
    height: u32,
    summary: S,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl<S> Branch<S> {
    /// The place of a record that is in no tree yet, with any summary.
    pub(crate) const fn new(summary: S) -> Branch<S> {
        Branch {
            parent: NIL,
            children: [NIL; 2],
            height: 1,
            summary,
        }
    }
}

/// The root of a tree of records in some slab.
#[derive(Debug)]
pub(crate) struct Tree<N> {
    root: u32,
    node: PhantomData<N>,
}

impl<N> Clone for Tree<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Tree<N> {}

impl<N: Node> Tree<N> {
    pub(crate) const EMPTY: Tree<N> = Tree {
        root: NIL,
        node: PhantomData,
    };

    pub(crate) fn insert(&mut self, slab: &mut Slab<N>, slot: u32) {
        let key = slab[slot as usize].key();
        let (mut parent, mut at, mut side) = (NIL, self.root, LEFT);
        while at != NIL {
            let less = key < slab[at as usize].key();
            (parent, side) = (at, if less { LEFT } else { RIGHT });
            at = branch(slab, at).children[side];
        }
        let own = slab[slot as usize].own();
        *branch_mut(slab, slot) = Branch {
            parent,
            ..Branch::new(own)
        };
        match parent {
            NIL => self.root = slot,
            _ => branch_mut(slab, parent).children[side] = slot,
        }
        self.repair(slab, parent);
    }

    pub(crate) fn remove(&mut self, slab: &mut Slab<N>, slot: u32) {
        let Branch {
            parent,
            children: [left, right],
            height,
            summary,
        } = *branch(slab, slot);
        if left == NIL || right == NIL {
            let child = if left == NIL { right } else { left };
            self.replace(slab, parent, slot, child);
            self.repair(slab, parent);
            return;
        }
        // The next one, which has nothing to its left, takes its place.
        let next = leftmost(slab, right);
        let above = branch(slab, next).parent;
        if above != slot {
            let child = branch(slab, next).children[RIGHT];
            self.replace(slab, above, next, child);
            branch_mut(slab, next).children[RIGHT] = right;
            branch_mut(slab, right).parent = next;
        }
        branch_mut(slab, next).children[LEFT] = left;
        branch_mut(slab, left).parent = next;
        // What those above know of this subtree, against which the repair compares.
        branch_mut(slab, next).height = height;
        branch_mut(slab, next).summary = summary;
        self.replace(slab, parent, slot, next);
        if above != slot {
            self.repair(slab, above);
        }
        self.repair(slab, next);
    }

    /// Brings the summaries up to date after a record's own summary has changed.
    pub(crate) fn refresh(&mut self, slab: &mut Slab<N>, slot: u32) {
        self.repair(slab, slot);
    }

    pub(crate) fn first(&self, slab: &Slab<N>) -> Option<u32> {
        (self.root != NIL).then(|| leftmost(slab, self.root))
    }

    /// The only record, if there is just one.
    #[inline]
    pub(crate) fn alone(&self, slab: &Slab<N>) -> Option<u32> {
        (self.root != NIL && branch(slab, self.root).height == 1).then_some(self.root)
    }

    /// The record that follows in order.
    pub(crate) fn next(&self, slab: &Slab<N>, slot: u32) -> Option<u32> {
        let right = branch(slab, slot).children[RIGHT];
        if right != NIL {
            return Some(leftmost(slab, right));
        }
        let mut child = slot;
        loop {
            let parent = branch(slab, child).parent;
            if parent == NIL {
                return None;
            }
            if branch(slab, parent).children[LEFT] == child {
                return Some(parent);
            }
            child = parent;
        }
    }

    /// The slots in order.
    pub(crate) fn iter<'a>(&self, slab: &'a Slab<N>) -> impl Iterator<Item = u32> + use<'a, N> {
        let tree = *self;
        core::iter::successors(self.first(slab), move |&slot| tree.next(slab, slot))
    }

    /// Puts `child` where `slot` is below `parent`.
    fn replace(&mut self, slab: &mut Slab<N>, parent: u32, slot: u32, child: u32) {
        match parent {
            NIL => self.root = child,
            _ => {
                let children = &mut branch_mut(slab, parent).children;
                children[usize::from(children[LEFT] != slot)] = child;
            }
        }
        if child != NIL {
            branch_mut(slab, child).parent = parent;
        }
    }

    /// Restores heights, summaries and balance from a node up to the first that stays as it was.
    fn repair(&mut self, slab: &mut Slab<N>, mut at: u32) {
        while at != NIL {
            let Branch {
                height, summary, ..
            } = *branch(slab, at);
            let top = self.rebalance(slab, at);
            let after = branch(slab, top);
            if (after.height, after.summary) == (height, summary) {
                return;
            }
            at = after.parent;
        }
    }

    /// Rotates where one side is higher by two; gives the root of the subtree, which is up to date.
    fn rebalance(&mut self, slab: &mut Slab<N>, at: u32) -> u32 {
        let heights = update(slab, at);
        for side in [LEFT, RIGHT] {
            let other = 1 - side;
            if heights[side] > heights[other] + 1 {
                let high = branch(slab, at).children[side];
                let (below, _) = expected(slab, high);
                if below[side] < below[other] {
                    self.rotate(slab, high, side);
                }
                return self.rotate(slab, at, other);
            }
        }
        at
    }

    /// Moves a node down to one side: its child on the other takes its place.
    fn rotate(&mut self, slab: &mut Slab<N>, at: u32, side: usize) -> u32 {
        let Branch {
            parent, children, ..
        } = *branch(slab, at);
        let child = children[1 - side];
        let inner = branch(slab, child).children[side];
        self.replace(slab, parent, at, child);
        branch_mut(slab, child).children[side] = at;
        branch_mut(slab, at).parent = child;
        branch_mut(slab, at).children[1 - side] = inner;
        if inner != NIL {
            branch_mut(slab, inner).parent = at;
        }
        update(slab, at);
        update(slab, child);
        child
    }

    /// How many records there are, if order, balance, links and summaries are sound.
    pub(crate) fn check(&self, slab: &Slab<N>) -> Option<usize> {
        if self.root == NIL {
            return Some(0);
        }
        // A tree that is sound below its root has no more records than the slab.
        let count = check_below(slab, self.root, NIL, slab.len())?;
        let mut keys = self.iter(slab).map(|slot| slab[slot as usize].key());
        keys.by_ref()
            .take(count)
            .is_sorted_by(|a, b| a < b)
            .then_some(count)
    }
}

fn branch<N: Node>(slab: &Slab<N>, slot: u32) -> &Branch<N::Summary> {
    slab[slot as usize].branch()
}

fn branch_mut<N: Node>(slab: &mut Slab<N>, slot: u32) -> &mut Branch<N::Summary> {
    slab[slot as usize].branch_mut()
}

fn leftmost<N: Node>(slab: &Slab<N>, mut at: u32) -> u32 {
    loop {
        match branch(slab, at).children[LEFT] {
            NIL => return at,
            left => at = left,
        }
    }
}

/// The heights on either side of a node, and what its summary should be by its children's.
fn expected<N: Node>(slab: &Slab<N>, at: u32) -> ([u32; 2], N::Summary) {
    let record = &slab[at as usize];
    let (mut heights, mut summary) = ([0; 2], record.own());
    for (height, child) in heights.iter_mut().zip(record.branch().children) {
        if child != NIL {
            let child = branch(slab, child);
            *height = child.height;
            summary = N::join(summary, child.summary);
        }
    }
    (heights, summary)
}

/// Brings a node's height and summary up to date; gives the heights on either side.
fn update<N: Node>(slab: &mut Slab<N>, at: u32) -> [u32; 2] {
    let (heights, summary) = expected(slab, at);
    let [left, right] = heights;
    let branch = branch_mut(slab, at);
    (branch.height, branch.summary) = (left.max(right) + 1, summary);
    heights
}

fn check_below<N: Node>(slab: &Slab<N>, at: u32, parent: u32, budget: usize) -> Option<usize> {
    if at == NIL {
        return Some(0);
    }
    let place = slab.get(at as usize)?.branch();
    let budget = budget.checked_sub(1)?;
    let [left, right] = place.children;
    let left = check_below(slab, left, at, budget)?;
    let right = check_below(slab, right, at, budget.checked_sub(left)?)?;
    let ([low, high], summary) = expected(slab, at);
    let balanced = low.abs_diff(high) <= 1 && place.height == low.max(high) + 1;
    let sound = balanced && place.parent == parent && place.summary == summary;
    sound.then_some(left + right + 1)
}

#[cfg(test)]
mod tests {
    use super::{Branch, Node, Tree};
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use slab::Slab;

    struct Record {
        key: u32,
        weight: u32,
        branch: Branch<(u32, u64)>,
    }

    impl Node for Record {
        type Key = u32;
        type Summary = (u32, u64);

        fn key(&self) -> u32 {
            self.key
        }

        fn own(&self) -> (u32, u64) {
            (self.weight, u64::from(self.weight))
        }

        fn join(a: (u32, u64), b: (u32, u64)) -> (u32, u64) {
            (a.0.min(b.0), a.1 + b.1)
        }

        fn branch(&self) -> &Branch<(u32, u64)> {
            &self.branch
        }

        fn branch_mut(&mut self) -> &mut Branch<(u32, u64)> {
            &mut self.branch
        }
    }

    fn random(x: &mut u64) -> u32 {
        *x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (*x >> 33) as u32
    }

    #[test]
    fn it_is_a_sorted_map_that_knows_sums() {
        let (mut tree, mut slab, mut model) = (Tree::EMPTY, Slab::new(), BTreeMap::new());
        let mut x = 1;
        for round in 0..20_000 {
            let (key, weight) = (random(&mut x) % 300, random(&mut x) % 50);
            match model.get(&key).copied() {
                Some((slot, _)) if round % 3 == 0 => {
                    let record: &mut Record = &mut slab[slot as usize];
                    record.weight = weight;
                    tree.refresh(&mut slab, slot);
                    model.insert(key, (slot, weight));
                }
                Some((slot, _)) => {
                    tree.remove(&mut slab, slot);
                    slab.remove(slot as usize);
                    model.remove(&key);
                }
                None => {
                    let branch = Branch::new((0, 0));
                    let slot = slab.insert(Record {
                        key,
                        weight,
                        branch,
                    }) as u32;
                    tree.insert(&mut slab, slot);
                    model.insert(key, (slot, weight));
                }
            }
            let light = random(&mut x) % 50;
            let expected = model
                .iter()
                .find(|(_, (_, w))| *w <= light)
                .map(|(_, (s, _))| *s);
            let found = tree.search(&slab, |sum| sum.0 <= light, |r| r.weight <= light);
            assert_eq!(found, expected);
            let expected = { model.range(..key).rev() }
                .find(|(_, (_, w))| *w <= light)
                .map(|(_, (s, _))| *s);
            let found = tree.last_early(&slab, |sum| sum.0 <= light, |r| r.key < key);
            assert_eq!(found, expected);
            let lightest = model.values().map(|(_, w)| *w).min();
            let found = tree.cheapest(&slab, |sum| Some(sum.0), |r| Some(r.weight));
            assert_eq!(found.map(|slot| slab[slot as usize].weight), lightest);
            let sum: u64 = model.range(..key).map(|(_, (_, w))| u64::from(*w)).sum();
            assert_eq!(tree.before(&slab, &key).map_or(0, |sum| sum.1), sum);
            assert_eq!(
                tree.find(&slab, &key),
                model.get(&key).map(|(slot, _)| *slot)
            );
            if round % 50 == 0 {
                assert_eq!(tree.check(&slab), Some(model.len()));
                let slots: Vec<u32> = model.values().map(|(slot, _)| *slot).collect();
                assert!(tree.iter(&slab).eq(slots));
            }
        }
    }

    #[test]
    fn a_tree_that_is_not_sound_is_noticed() {
        let make = || {
            let (mut tree, mut slab) = (Tree::EMPTY, Slab::new());
            for key in 0..7 {
                let branch = Branch::new((0, 0));
                let slot = slab.insert(Record {
                    key,
                    weight: 1,
                    branch,
                }) as u32;
                tree.insert(&mut slab, slot);
            }
            (tree, slab)
        };
        let spoilt = |spoil: fn(&mut Slab<Record>)| {
            let (tree, mut slab) = make();
            spoil(&mut slab);
            tree.check(&slab)
        };
        assert_eq!(spoilt(|_| ()), Some(7));
        assert_eq!(spoilt(|slab| slab[2].key = 5), None);
        assert_eq!(spoilt(|slab| slab[2].weight = 5), None);
        assert_eq!(spoilt(|slab| slab[2].branch.height = 2), None);
        assert_eq!(spoilt(|slab| slab[2].branch.parent = 6), None);
        // A ring without end.
        assert_eq!(
            spoilt(|slab| slab[6].branch.children[super::RIGHT] = 3),
            None
        );
    }
}
