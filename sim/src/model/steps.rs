//! A step: one event, or all that is due at one instant; then placement, holds, idle stops and
//! growth; its actions in the order of F11.

use remuda::{Action, Event, Reject};

use super::{Model, Place, Trial};

impl Model {
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Submit { request, spec } => self.submit(request, spec),
            Event::Cancel { request } => self.cancel(request),
            Event::Done {
                request,
                machine,
                outcome,
            } => self.done(request, machine, outcome),
            Event::Join {
                machine,
                kind,
                offer,
            } => self.join(machine, kind, offer),
            Event::Up { machine, offer } => self.up(machine, offer),
            Event::StartFailed { machine, hint } => self.start_failed(machine, hint),
            Event::Stopped { machine } => self.stopped(machine),
            Event::Drain { machine, until } => self.drain(machine, until),
            Event::Keep { machine } => self.keep(machine),
            Event::SetLimits { kind, limits } => self.set_limits(kind, limits),
            Event::SetMaxProcs { max_procs } => self.set_max_procs(max_procs),
            Event::AssignTask { machine, task } => self.assign(machine, task),
            Event::DiscardTask { machine, task } => self.discard(machine, task),
            Event::Once {
                machine,
                key,
                waiter,
            } => self.once(machine, key, waiter),
            Event::OnceDone {
                machine,
                key,
                outcome,
            } => self.once_done(machine, key, outcome),
            Event::ForgetOnce { machine, key } => self.forget(machine, key),
            Event::Polled { machine, answered } => self.polled(machine, answered),
            Event::Timer => {}
            Event::Shutdown => self.shutdown(),
            _ => unreachable!("the model knows every event"),
        }
    }

    pub(super) fn reject(&mut self, reject: Reject) {
        self.act(Place::News, Action::Reject(reject));
    }

    /// S22: the queue is cancelled in its order, what is up told to stop by id. Nothing is held,
    /// and nothing is on trial any more (G3).
    fn shutdown(&mut self) {
        if self.shut_down {
            return;
        }
        let order = match self.is_bigslice() {
            true => self
                .bigslice_order()
                .into_iter()
                .map(|(id, _)| id)
                .collect(),
            false => self.order_of_requests(),
        };
        for request in order {
            self.act(Place::News, Action::Cancelled { request });
        }
        self.shut_down = true;
        self.queue.clear();
        self.holds.clear();
        for machine in &mut self.machines {
            machine.trial = Trial::No;
            if machine.is_up() {
                let machine = machine.id;
                self.step_actions
                    .push((Place::Stop, Action::Stop { machine }));
            }
        }
    }

    /// What follows the event or the timers, and the actions of the step in order (F11).
    pub(super) fn finish_step(&mut self, actions: &mut Vec<Action>) {
        self.stop_drained();
        if self.is_bigslice() {
            self.bigslice_place();
            self.bigslice_grow();
        } else {
            self.place();
            self.hold();
            self.stop_idle();
            self.grow();
        }
        self.say_step(actions);
    }

    /// F11.
    pub(super) fn say_step(&mut self, actions: &mut Vec<Action>) {
        self.step_actions.sort_by_key(|(place, _)| *place);
        actions.extend(self.step_actions.drain(..).map(|(_, action)| action));
    }
}
