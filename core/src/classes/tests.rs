//! The tree of classes, in many orders and spoilt by hand.

use super::{Class, Classes, MOST_TO_COUNT, NIL};

fn depth(classes: &Classes, at: u32) -> u32 {
    if at == NIL {
        return 0;
    }
    let class = classes.get(at);
    1 + depth(classes, class.left).max(depth(classes, class.right))
}

#[test]
fn the_tree_stays_as_low_as_avl_trees_are() {
    type Order = fn(i64) -> i64;
    let orders: [Order; 4] = [
        |n| n,
        |n| -n,
        |n| n * 611 % 1000,
        |n| n / 2 * (n % 2 * 2 - 1),
    ];
    for order in orders {
        let mut classes = Classes::new();
        let joined: alloc::vec::Vec<u32> = (0..1000).map(|n| classes.join(order(n), 1)).collect();
        assert!(classes.check());
        // 1.44 times the logarithm of a thousand.
        assert!(depth(&classes, classes.root) <= 14);
        let mut left: alloc::vec::Vec<u32> = joined;
        left.sort_unstable();
        left.dedup();
        for class in left.split_off(left.len() / 8) {
            while classes.get(class).len > 1 {
                classes.leave(class);
            }
            classes.leave(class);
            assert!(classes.check());
        }
        assert!(depth(&classes, classes.root) <= 10);
        assert_eq!(
            requests(&classes),
            left.iter().map(|&c| classes.get(c).len).sum()
        );
    }
}

#[test]
fn only_a_class_that_is_to_be_counted_changes_without_more_ado() {
    let mut classes = Classes::new();
    let class = classes.join(1, 2);
    // As it was added it was counted.
    assert!(!classes.recent_is_to_count(1, 2) && classes.first_to_count(2).is_none());
    classes.join(1, 2);
    assert!(classes.recent_is_to_count(1, 2) && classes.first_to_count(2).is_some());
    assert!(!classes.recent_is_to_count(1, 3) && !classes.recent_is_to_count(0, 2));
    assert!(classes.first_to_count(1).is_none() && classes.first_to_count(3).is_none());
    classes.join_recent();
    assert_eq!((requests(&classes), classes.rank(1, 2)), (3, 3));
    assert!(!classes.recent_is_to_count(1, 2) && classes.first_to_count(2).is_none());
    classes.leave(class);
    let first = classes.first_to_count(2).unwrap();
    assert!(!first.has_one());
    assert_eq!(first.shrink(), 2);
    assert!(first.has_one());
    assert_eq!(requests(&classes), 1);
    assert!(classes.check());
}

/// How many there are in all classes.
fn requests(classes: &Classes) -> u32 {
    classes.slots().map(|(_, class)| class.len).sum()
}

#[test]
fn changes_are_counted_together_but_not_too_many() {
    let mut classes = Classes::new();
    for n in (0..2000).chain(0..2000) {
        classes.join(n, 1);
        assert!(classes.to_count.len() < MOST_TO_COUNT && classes.check());
    }
    assert_eq!(classes.to_count.len(), 2000 - MOST_TO_COUNT);
    assert_eq!(classes.rank(1000, 1), 2002);
    assert!(classes.to_count.is_empty() && classes.check());
}

#[test]
fn what_a_flood_of_classes_took_is_given_back() {
    let mut classes = Classes::new();
    for n in 0..10_000 {
        classes.join(n * 611 % 10_007, 1 + n as u32 % 3);
    }
    assert!(classes.slab.capacity() >= 10_000);
    while requests(&classes) > 10 {
        // Others than the first.
        let class = if requests(&classes).is_multiple_of(2) {
            classes.root
        } else {
            classes.first
        };
        classes.leave(class);
        if classes.is_sparse() {
            let before: alloc::vec::Vec<_> = classes.iter().map(Class::key).collect();
            classes.compact();
            assert!(classes.iter().map(Class::key).eq(before));
            assert!(classes.check() && !classes.is_sparse());
        }
    }
    assert!(classes.slab.capacity() <= 128 && classes.hints.len() <= 256);
    // They are found again.
    let keys: alloc::vec::Vec<_> = classes.iter().map(|it| (it.priority, it.procs)).collect();
    keys.iter()
        .for_each(|&(n, procs)| _ = classes.join(n, procs));
    assert_eq!((classes.slab.len(), requests(&classes)), (10, 20));
    assert!(classes.check());
}

/// Three classes, the second above the others; spoilt, the tree must be noticed to be.
fn is_sound(spoil: impl FnOnce(&mut Classes, [u32; 3])) -> bool {
    let mut classes = Classes::new();
    let slots = [0, 1, 2].map(|priority| classes.join(priority, 2));
    assert_eq!(classes.root, slots[1]);
    spoil(&mut classes, slots);
    classes.check()
}

#[test]
fn a_tree_that_is_not_sound_is_noticed() {
    assert!(is_sound(|_, _| ()));
    assert!(!is_sound(|tree, [first, ..]| tree
        .get_mut(first)
        .priority = 1));
    assert!(!is_sound(|tree, [.., last]| tree.get_mut(last).priority = 1));
    assert!(!is_sound(|tree, [_, root, _]| tree.get_mut(root).total = 2));
    assert!(!is_sound(|tree, [_, root, _]| tree.get_mut(root).least = 1));
    assert!(!is_sound(|tree, [_, root, _]| tree.get_mut(root).height = 3));
    assert!(!is_sound(|tree, [_, _, last]| tree.first = last));
    assert!(!is_sound(|tree, [_, root, _]| tree.get_mut(root).left = NIL));
    let empty = |tree: &mut Classes, [first, root, _]: [u32; 3]| {
        let class = tree.get_mut(first);
        (class.len, class.counted, class.total) = (0, 0, 0);
        tree.get_mut(root).total = 2;
    };
    assert!(!is_sound(empty));
    // Who is counted, and who is not.
    assert!(!is_sound(|tree, [first, ..]| tree.get_mut(first).len = 2));
    assert!(!is_sound(|tree, [first, ..]| tree.to_count.push(first)));
    assert!(!is_sound(|tree, [first, ..]| tree
        .get_mut(first)
        .to_count = true));
    assert!(!is_sound(|tree, _| tree.to_count.push(99)));
    assert!(!is_sound(|tree, [first, _, last]| {
        for class in [first, last] {
            tree.get_mut(class).to_count = true;
        }
        tree.to_count.extend([first, first]);
    }));
    assert!(is_sound(|tree, [first, ..]| tree.resize(first, |_| ())));
    let lost = |tree: &mut Classes, [first, root, _]: [u32; 3]| {
        let class = tree.get_mut(root);
        (class.left, class.total) = (NIL, 2);
        assert_eq!(tree.leftmost(tree.root), root);
        tree.first = root;
        assert!(tree.slab.contains(first as usize));
    };
    assert!(!is_sound(lost));
    // A chain of three is two deeper on one side.
    let leaning = |tree: &mut Classes, [first, root, last]: [u32; 3]| {
        (tree.get_mut(root).left, tree.get_mut(root).total) = (NIL, 2);
        let class = tree.get_mut(first);
        (class.right, class.total, class.height) = (root, 3, 3);
        tree.root = first;
        assert!(tree.get(last).height == 1 && tree.first == first);
    };
    assert!(!is_sound(leaning));
}
