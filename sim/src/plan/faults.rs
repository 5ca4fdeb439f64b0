//! What goes wrong in a cluster, or is decided by whoever runs it.

use crate::rng::Rng;

/// A chance out of 256: 0 is never.
pub type Odds = u8;

macro_rules! faults {
    ($($(#[$doc:meta])+ $name:ident,)+; rare: $($(#[$rare_doc:meta])+ $rare:ident,)+) => {
        /// What goes wrong, each by its chance; [`Faults::none`] is a perfect world.
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct Faults {
            $($(#[$doc])+ pub $name: Odds,)+
            $($(#[$rare_doc])+ pub $rare: Odds,)+
        }

        impl Faults {
            /// All that are drawn by the same odds.
            fn usual(&mut self) -> impl Iterator<Item = &mut Odds> {
                [$(&mut self.$name),+].into_iter()
            }
        }
    };
}

faults! {
    /// A machine's start fails.
    start_fails,
    /// All starts of one action fail, at the same instant.
    starts_fail_together,
    /// A failed start says when to try again, or that there is no more to be had (G3).
    start_hints,
    /// A start is answered late, never, or twice.
    start_late,
    /// See `start_late`.
    start_never,
    /// See `start_late`.
    start_twice,
    /// A machine that was told to stop does so late, or never.
    stop_late,
    /// See `stop_late`.
    stop_never,
    /// A machine stops soon after it came up.
    flapping,
    /// A machine stops before it has settled (G3).
    dies_young,
    /// A machine offers less than its kind has, or more (R4).
    offer_less,
    /// See `offer_less`.
    offer_more,
    /// A machine stops at the instant of a grant, before it is delivered.
    lost_before_delivery,
    /// A client says done late (a slow one), never, or twice.
    done_late,
    /// See `done_late`.
    done_never,
    /// See `done_late`.
    done_twice,
    /// A client's done names no machine, or one where the request does not run (Q3).
    done_unnamed,
    /// See `done_unnamed`.
    done_elsewhere,
    /// A cancel races with the grant.
    cancel_race,
    /// A demand is more than any machine has.
    oversize,
    /// A request takes an id that was used before.
    id_reused,
    /// A poll comes back unanswered, never, or twice.
    poll_unanswered,
    /// See `poll_unanswered`.
    poll_never,
    /// See `poll_unanswered`.
    poll_twice,
    /// Once-work fails, is never answered, or twice.
    once_fails,
    /// See `once_fails`.
    once_never,
    /// See `once_fails`.
    once_twice,
    /// The timer fires late, never, or early.
    timer_late,
    /// See `timer_late`.
    timer_never,
    /// See `timer_late`.
    timer_early,
    /// The clock jumps forward.
    clock_jumps,
    /// The clock steps back for one event.
    clock_steps_back,
    /// A joiner's id was used before, or its kind is none (J1).
    join_wrong,
    /// Instead of a client's act: any event at all, with any ids.
    wild,
    ;
    rare:
    /// Instead of a client's act: any machine stops.
    stops,
    /// Instead of a client's act: a machine is to be taken away soon, and is (D1).
    spot_notices,
    /// Instead of a client's act: a machine drains, with no end (D1).
    drains,
    /// Instead of a client's act: a machine that drains may stay (D2).
    keeps,
    /// Instead of a client's act: a machine joins that was not asked for (J1).
    joins,
    /// Instead of a client's act: the limits of a kind change (E3).
    limits_change,
    /// Instead of a client's act: the limit of procs changes (E3).
    max_procs_changes,
    /// Instead of a client's act: the shutdown, or a machine or two that go before all others.
    shutdown,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Each kind off or more or less frequent, by chance.
    pub(super) fn draw(rng: &mut Rng) -> Faults {
        let mut faults = Faults::none();
        let most = rng.pick(&[0, 32, 32, 96, 160]);
        for odds in faults.usual() {
            if rng.chance(112) {
                *odds = rng.range(2, 2 + most) as u8;
            }
        }
        faults.draw_operator(rng);
        // These end or distort a whole schedule: rare.
        faults.shutdown = if rng.chance(112) {
            rng.range(3, 16) as u8
        } else {
            0
        };
        if faults.shutdown > 0 && rng.chance(192) {
            // Or all would be over at once.
            (faults.stop_never, faults.wild) = (192, rng.range(32, 160) as u8);
            (faults.done_late, faults.id_reused) = (160, 96);
        }
        faults.clock_jumps = faults.clock_jumps.min(16);
        faults
    }

    /// Whoever runs the cluster meddles with it in one schedule of two.
    fn draw_operator(&mut self, rng: &mut Rng) {
        if rng.chance(128) {
            self.stops = rng.range(2, 48) as u8;
        }
        if rng.chance(128) {
            return;
        }
        let most = rng.pick(&[8, 24, 48]);
        for odds in [
            &mut self.spot_notices,
            &mut self.drains,
            &mut self.keeps,
            &mut self.joins,
            &mut self.limits_change,
            &mut self.max_procs_changes,
        ] {
            if rng.chance(128) {
                *odds = rng.range(2, most) as u8;
            }
        }
    }
}
