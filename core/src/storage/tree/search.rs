//! Searches in a tree: by key, and by what the summaries say.

use core::cmp::Ordering;

use slab::Slab;

use super::{LEFT, Node, RIGHT, Tree, branch};
use crate::storage::list::NIL;

impl<N: Node> Tree<N> {
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
                Ordering::Less => branch.children[LEFT],
                Ordering::Equal => return Some(at),
                Ordering::Greater => branch.children[RIGHT],
            };
        }
        None
    }

    /// The summary of all records before this key; `None` if there are none.
    pub(crate) fn before(&self, slab: &Slab<N>, key: &N::Key) -> Option<N::Summary> {
        let (mut at, mut sum) = (self.root, None);
        while at != NIL {
            let [left, right] = branch(slab, at).children;
            if slab[at as usize].key() < *key {
                let own = slab[at as usize].own();
                let own = join::<N>(below(slab, left), Some(own));
                sum = join::<N>(sum, own);
                at = right;
            } else {
                at = left;
            }
        }
        sum
    }
}

fn below<N: Node>(slab: &Slab<N>, slot: u32) -> Option<N::Summary> {
    (slot != NIL).then(|| branch(slab, slot).summary)
}

fn join<N: Node>(a: Option<N::Summary>, b: Option<N::Summary>) -> Option<N::Summary> {
    match (a, b) {
        (Some(a), Some(b)) => Some(N::join(a, b)),
        (a, b) => a.or(b),
    }
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
    search_below(slab, record.branch().children[LEFT], may, is)
        .or_else(|| is(record).then_some(at))
        .or_else(|| search_below(slab, record.branch().children[RIGHT], may, is))
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
    let left = || last_early_below(slab, record.branch().children[LEFT], counts, early);
    if !early(record) {
        return left();
    }
    last_early_below(slab, record.branch().children[RIGHT], counts, early)
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
    cheapest_below(slab, record.branch().children[LEFT], of_set, of_one, best);
    cheapest_below(slab, record.branch().children[RIGHT], of_set, of_one, best);
}
