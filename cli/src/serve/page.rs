//! The page of a run that goes on, and what changes of it.
use super::feed;
use super::mirror::Mirror;
use crate::replay::picture::live::{self, End, Going};

/// How far a reader has been told.
pub(super) use crate::replay::picture::live::Cursor;

/// The page, which is the same for all runs.
pub(super) fn page() -> String {
    live::page()
}

/// What has changed since `since`, which is then now; none if nothing has.
pub(super) fn delta(mirror: &Mirror, since: &mut Cursor) -> Option<String> {
    let going = Going {
        name: mirror.source(),
        head: mirror.head(),
        film: mirror.film(),
        tally: mirror.tally(),
        now: mirror.now(),
        end: mirror.end().map(|end| match end {
            feed::End::Over => End::Over,
            feed::End::Behind => End::Behind,
        }),
    };
    live::message(&going, since)
}
