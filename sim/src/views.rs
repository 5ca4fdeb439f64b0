//! What can be looked at of a manager, beside what the model shows.

use remuda::{KindId, Manager};

use crate::model::{Figures, Model, ModelMachine};

/// Whether a manager shows what the model shows: machines, figures by kind, back-off, time.
pub(crate) fn same_views(manager: &Manager, model: &Model) -> Result<(), String> {
    let mut machines = manager.machines();
    for expected in model.machines() {
        let same = machines.next().is_some_and(|m| is_as(&m, &expected));
        if !same {
            return Err(format!("it does not show this machine: {expected:?}"));
        }
    }
    if let Some(machine) = machines.next() {
        return Err(format!("it shows one machine more: {machine:?}"));
    }
    // One number more than there are kinds.
    for kind in (0..=manager.config().kinds.len()).map(|n| KindId(n as u8)) {
        let (counts, expected) = (manager.counts_of(kind), model.counts_of(kind));
        let counts = counts.map(Figures::from);
        if counts != expected {
            return Err(match (counts, expected) {
                (Some(counts), Some(expected)) => {
                    format!("of kind {kind} it counts {}", differences(counts, expected))
                }
                _ => format!("of kind {kind} it counts {counts:?} (the model: {expected:?})"),
            });
        }
        let backoff = manager.start_backoff(kind).map(|it| (it.step, it.until));
        let expected = model.start_backoff(kind);
        if backoff != expected {
            return Err(format!(
                "its back-off of kind {kind} is {backoff:?}, the model's {expected:?}"
            ));
        }
    }
    let shown = (manager.now(), manager.is_shut_down());
    let expected = (model.now(), model.is_shut_down());
    if shown == expected {
        return Ok(());
    }
    Err(format!(
        "its time and end are {shown:?}, the model's {expected:?}"
    ))
}

fn is_as(machine: &remuda::MachineView<'_>, expected: &ModelMachine) -> bool {
    machine.id() == expected.id
        && machine.kind() == expected.kind
        && machine.health() == expected.health
        && machine.on_probation() == expected.on_probation
        && machine.used() == expected.used
        && machine.offer() == expected.offer
        && machine.running().eq(expected.running.iter().copied())
        && machine.tasks().eq(expected.tasks.iter().copied())
        && machine.idle_since() == expected.idle_since
        && machine.held_for() == expected.held_for
}

/// The figures that are not as they should be.
pub(crate) fn differences(counts: Figures, expected: Figures) -> String {
    let figures = |c: Figures| {
        let m = c.machines;
        [
            ("need", format!("{:?}", c.need)),
            ("pending", format!("{:?}", c.pending)),
            ("have", format!("{:?}", c.have)),
            ("whole", c.whole.to_string()),
            ("queued", c.queued.to_string()),
            ("running", c.running.to_string()),
            ("pending machines", m.pending.to_string()),
            ("ok machines", m.ok.to_string()),
            ("machines on probation", m.probation.to_string()),
            ("draining machines", m.draining.to_string()),
            ("stopping machines", m.stopping.to_string()),
            ("lost machines", m.lost.to_string()),
            ("ended machines", m.ended.to_string()),
        ]
    };
    let both = figures(counts).into_iter().zip(figures(expected));
    let wrong = both.filter(|(is, should)| is != should);
    let words = wrong.map(|((name, is), (_, should))| format!("{name} {is} (the model: {should})"));
    words.collect::<Vec<_>>().join(", ")
}
