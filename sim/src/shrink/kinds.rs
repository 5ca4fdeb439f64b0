//! Fewer kinds of machine.

use remuda::{Event, KindId, Kinds};

use super::run::{Run, Verdict};
use super::search::Search;

/// Leaves out a kind with all that is said of it: later ones move up.
pub(super) fn fewer_kinds(search: &mut Search<impl FnMut(&Run) -> Verdict>) {
    for gone in (0..search.best.config.kinds.len()).rev() {
        if search.best.config.kinds.len() < 2 {
            return;
        }
        let mut less = search.best.clone();
        less.config.kinds.remove(gone);
        let gone = KindId(gone as u8);
        less.events
            .retain(|(_, event)| kind_of(*event) != Some(gone));
        for (_, event) in &mut less.events {
            move_up(event, gone);
        }
        search.try_or_close_up(less);
    }
}

fn kind_of(event: Event) -> Option<KindId> {
    match event {
        Event::Join { kind, .. } | Event::SetLimits { kind, .. } => Some(kind),
        _ => None,
    }
}

fn move_up(event: &mut Event, gone: KindId) {
    match event {
        Event::Join { kind, .. } | Event::SetLimits { kind, .. } if *kind > gone => kind.0 -= 1,
        Event::Submit { spec, .. } if spec.kinds != Kinds::ALL => {
            let bits = spec.kinds.bits();
            let before = (1 << gone.0) - 1;
            spec.kinds = Kinds::from_bits(bits & before | (bits >> 1) & !before);
        }
        _ => {}
    }
}
