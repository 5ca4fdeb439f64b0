//! A balanced search tree through the records of a slab. Each node knows a *summary* of all records
//! below it, so that a search can leave out whole subtrees.
//!
//! It is an AVL tree: the heights of two siblings differ by one at the most.

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
    left: u32,
    right: u32,
    height: u32,
    summary: S,
}

impl<S> Branch<S> {
    /// The place of a record that is in no tree yet, with any summary.
    pub(crate) const fn new(summary: S) -> Branch<S> {
        Branch {
            parent: NIL,
            left: NIL,
            right: NIL,
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
        let (mut parent, mut at, mut left) = (NIL, self.root, false);
        while at != NIL {
            parent = at;
            left = key < slab[at as usize].key();
            let branch = branch(slab, at);
            at = if left { branch.left } else { branch.right };
        }
        let own = slab[slot as usize].own();
        *branch_mut(slab, slot) = Branch {
            parent,
            ..Branch::new(own)
        };
        match parent {
            NIL => self.root = slot,
            _ if left => branch_mut(slab, parent).left = slot,
            _ => branch_mut(slab, parent).right = slot,
        }
        self.repair(slab, parent);
    }

    pub(crate) fn remove(&mut self, slab: &mut Slab<N>, slot: u32) {
        let Branch {
            parent,
            left,
            right,
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
            let child = branch(slab, next).right;
            self.replace(slab, above, next, child);
            branch_mut(slab, next).right = right;
            branch_mut(slab, right).parent = next;
        }
        branch_mut(slab, next).left = left;
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
        let right = branch(slab, slot).right;
        if right != NIL {
            return Some(leftmost(slab, right));
        }
        let mut child = slot;
        loop {
            let parent = branch(slab, child).parent;
            if parent == NIL {
                return None;
            }
            if branch(slab, parent).left == child {
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

    /// The first record in order that `is` what is sought. Subtrees are left out whose summary says
    /// that they have none: `may` must hold for every summary of a set with such a record.
    pub(crate) fn search(
        &self,
        slab: &Slab<N>,
        may: impl Fn(&N::Summary) -> bool,
        is: impl Fn(&N) -> bool,
    ) -> Option<u32> {
        search_below(slab, self.root, &may, &is)
    }

    /// The last record that counts, of those at the beginning for which `early` holds; it holds for
    /// none after one for which it does not. Whether a record or one of a set counts, its summary
    /// says.
    pub(crate) fn last_early(
        &self,
        slab: &Slab<N>,
        counts: impl Fn(&N::Summary) -> bool,
        early: impl Fn(&N) -> bool,
    ) -> Option<u32> {
        last_early_below(slab, self.root, &counts, &early)
    }

    /// The record for which `cost` is least, when the cost of a set is never above that of its
    /// records; `None` for a cost excludes.
    pub(crate) fn cheapest<C: Ord>(
        &self,
        slab: &Slab<N>,
        of_set: impl Fn(&N::Summary) -> Option<C>,
        of_one: impl Fn(&N) -> Option<C>,
    ) -> Option<u32> {
        let mut best = None;
        cheapest_below(slab, self.root, &of_set, &of_one, &mut best);
        best.map(|(_, slot)| slot)
    }

    /// The record with this key, found by comparing.
    pub(crate) fn find(&self, slab: &Slab<N>, key: &N::Key) -> Option<u32> {
        let mut at = self.root;
        while at != NIL {
            let branch = branch(slab, at);
            at = match key.cmp(&slab[at as usize].key()) {
                core::cmp::Ordering::Less => branch.left,
                core::cmp::Ordering::Equal => return Some(at),
                core::cmp::Ordering::Greater => branch.right,
            };
        }
        None
    }

    /// The summary of all records before this key; `None` if there are none.
    pub(crate) fn before(&self, slab: &Slab<N>, key: &N::Key) -> Option<N::Summary> {
        let (mut at, mut sum) = (self.root, None);
        while at != NIL {
            let Branch { left, right, .. } = *branch(slab, at);
            if slab[at as usize].key() < *key {
                let own = slab[at as usize].own();
                let own = join::<N>(self.below(slab, left), Some(own));
                sum = join::<N>(sum, own);
                at = right;
            } else {
                at = left;
            }
        }
        sum
    }

    fn below(&self, slab: &Slab<N>, slot: u32) -> Option<N::Summary> {
        (slot != NIL).then(|| branch(slab, slot).summary)
    }

    /// Puts `child` where `slot` is below `parent`.
    fn replace(&mut self, slab: &mut Slab<N>, parent: u32, slot: u32, child: u32) {
        match parent {
            NIL => self.root = child,
            _ => {
                let above = branch_mut(slab, parent);
                match above.left == slot {
                    true => above.left = child,
                    false => above.right = child,
                }
            }
        }
        if child != NIL {
            branch_mut(slab, child).parent = parent;
        }
    }

    /// Restores heights, summaries and balance from a node up to the first that stays as it was.
    fn repair(&mut self, slab: &mut Slab<N>, mut at: u32) {
        while at != NIL {
            let before = *branch(slab, at);
            let top = self.rebalance(slab, at);
            let after = branch(slab, top);
            if after.height == before.height && after.summary == before.summary {
                return;
            }
            at = after.parent;
        }
    }

    /// Rotates where one side is higher by two; gives the root of the subtree, which is up to date.
    fn rebalance(&mut self, slab: &mut Slab<N>, at: u32) -> u32 {
        let Branch { left, right, .. } = *branch(slab, at);
        let (low, high) = (height(slab, left), height(slab, right));
        if low > high + 1 {
            let Branch {
                left: outer,
                right: inner,
                ..
            } = *branch(slab, left);
            if height(slab, outer) < height(slab, inner) {
                self.rotate_left(slab, left);
            }
            return self.rotate_right(slab, at);
        }
        if high > low + 1 {
            let Branch {
                left: inner,
                right: outer,
                ..
            } = *branch(slab, right);
            if height(slab, outer) < height(slab, inner) {
                self.rotate_right(slab, right);
            }
            return self.rotate_left(slab, at);
        }
        update(slab, at);
        at
    }

    /// The right child takes the place of its parent.
    fn rotate_left(&mut self, slab: &mut Slab<N>, at: u32) -> u32 {
        let Branch { parent, right, .. } = *branch(slab, at);
        let inner = branch(slab, right).left;
        self.replace(slab, parent, at, right);
        branch_mut(slab, right).left = at;
        branch_mut(slab, at).parent = right;
        branch_mut(slab, at).right = inner;
        if inner != NIL {
            branch_mut(slab, inner).parent = at;
        }
        update(slab, at);
        update(slab, right);
        right
    }

    /// The left child takes the place of its parent.
    fn rotate_right(&mut self, slab: &mut Slab<N>, at: u32) -> u32 {
        let Branch { parent, left, .. } = *branch(slab, at);
        let inner = branch(slab, left).right;
        self.replace(slab, parent, at, left);
        branch_mut(slab, left).right = at;
        branch_mut(slab, at).parent = left;
        branch_mut(slab, at).left = inner;
        if inner != NIL {
            branch_mut(slab, inner).parent = at;
        }
        update(slab, at);
        update(slab, left);
        left
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

fn height<N: Node>(slab: &Slab<N>, slot: u32) -> u32 {
    match slot {
        NIL => 0,
        slot => branch(slab, slot).height,
    }
}

fn leftmost<N: Node>(slab: &Slab<N>, mut at: u32) -> u32 {
    loop {
        match branch(slab, at).left {
            NIL => return at,
            left => at = left,
        }
    }
}

fn join<N: Node>(a: Option<N::Summary>, b: Option<N::Summary>) -> Option<N::Summary> {
    match (a, b) {
        (Some(a), Some(b)) => Some(N::join(a, b)),
        (a, b) => a.or(b),
    }
}

/// What a node's height and summary should be, by its children's.
fn expected<N: Node>(slab: &Slab<N>, at: u32) -> (u32, N::Summary) {
    let Branch { left, right, .. } = *branch(slab, at);
    let mut summary = slab[at as usize].own();
    let mut height = 0;
    for child in [left, right] {
        if child != NIL {
            let child = branch(slab, child);
            summary = N::join(summary, child.summary);
            height = height.max(child.height);
        }
    }
    (height + 1, summary)
}

fn update<N: Node>(slab: &mut Slab<N>, at: u32) {
    let (height, summary) = expected(slab, at);
    let branch = branch_mut(slab, at);
    (branch.height, branch.summary) = (height, summary);
}

fn search_below<N: Node>(
    slab: &Slab<N>,
    at: u32,
    may: &impl Fn(&N::Summary) -> bool,
    is: &impl Fn(&N) -> bool,
) -> Option<u32> {
    if at == NIL || !may(&branch(slab, at).summary) {
        return None;
    }
    let record = &slab[at as usize];
    search_below(slab, record.branch().left, may, is)
        .or_else(|| is(record).then_some(at))
        .or_else(|| search_below(slab, record.branch().right, may, is))
}

fn last_early_below<N: Node>(
    slab: &Slab<N>,
    at: u32,
    counts: &impl Fn(&N::Summary) -> bool,
    early: &impl Fn(&N) -> bool,
) -> Option<u32> {
    if at == NIL || !counts(&branch(slab, at).summary) {
        return None;
    }
    let record = &slab[at as usize];
    let left = || last_early_below(slab, record.branch().left, counts, early);
    if !early(record) {
        return left();
    }
    last_early_below(slab, record.branch().right, counts, early)
        .or_else(|| counts(&record.own()).then_some(at))
        .or_else(left)
}

fn cheapest_below<N: Node, C: Ord>(
    slab: &Slab<N>,
    at: u32,
    of_set: &impl Fn(&N::Summary) -> Option<C>,
    of_one: &impl Fn(&N) -> Option<C>,
    best: &mut Option<(C, u32)>,
) {
    let better =
        |cost: &C, best: &Option<(C, u32)>| best.as_ref().is_none_or(|(least, _)| cost < least);
    if at == NIL {
        return;
    }
    let record = &slab[at as usize];
    match of_set(&record.branch().summary) {
        Some(cost) if better(&cost, best) => {}
        _ => return,
    }
    if let Some(cost) = of_one(record)
        && better(&cost, best)
    {
        *best = Some((cost, at));
    }
    cheapest_below(slab, record.branch().left, of_set, of_one, best);
    cheapest_below(slab, record.branch().right, of_set, of_one, best);
}

fn check_below<N: Node>(slab: &Slab<N>, at: u32, parent: u32, budget: usize) -> Option<usize> {
    if at == NIL {
        return Some(0);
    }
    let place = slab.get(at as usize)?.branch();
    let budget = budget.checked_sub(1)?;
    let left = check_below(slab, place.left, at, budget)?;
    let right = check_below(slab, place.right, at, budget.checked_sub(left)?)?;
    let (height, summary) = expected(slab, at);
    let balanced = self::height(slab, place.left).abs_diff(self::height(slab, place.right)) <= 1;
    let sound =
        balanced && place.parent == parent && place.height == height && place.summary == summary;
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
        assert_eq!(spoilt(|slab| slab[6].branch.right = 3), None);
    }
}
