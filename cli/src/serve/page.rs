//! The page of a run that goes on, and what changes of it.
use super::mirror::Mirror;

/// Whether there is a page.
pub(super) const IS_THERE: bool = false;

/// How far a reader has been told.
#[derive(Debug, Default)]
pub(crate) struct Cursor(());

/// The page as it stands.
pub(super) fn page(_: &Mirror) -> String {
    String::new()
}

/// What has changed since `since`, which is then now; none if nothing has.
pub(super) fn delta(_: &Mirror, _: &mut Cursor) -> Option<String> {
    None
}
