//! Actions as a scenario writes them, and as those of the first edition wrote them, which is read too.
use remuda::{Action, Loss, MachineId, Notice};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::values;

/// Actions in JSON: those to be written, or what was read.
#[derive(Debug)]
pub(super) enum ActionsLine {
    Written(Vec<Action>),
    Read(Value),
}

impl Serialize for ActionsLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ActionsLine::Written(actions) if actions.iter().any(names_joiner) => {
                with_names_of_joiners(actions).serialize(serializer)
            }
            ActionsLine::Written(actions) => actions.serialize(serializer),
            ActionsLine::Read(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ActionsLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ActionsLine, D::Error> {
        Value::deserialize(deserializer).map(ActionsLine::Read)
    }
}

/// Whether it may name a machine that joined by itself.
fn names_joiner(action: &Action) -> bool {
    match *action {
        Action::Grant { machine, .. }
        | Action::Stop { machine }
        | Action::RequestLost { machine, .. }
        | Action::TaskLost { machine, .. }
        | Action::DropTask { machine, .. }
        | Action::RunOnce { machine, .. }
        | Action::Poll { machine }
        | Action::Notice(
            Notice::Probation { machine }
            | Notice::Recovered { machine, .. }
            | Notice::MachineLost { machine, .. }
            | Notice::Ended { machine }
            | Notice::Draining { machine, .. }
            | Notice::Kept { machine }
            | Notice::Held { machine, .. },
        ) => machine.is_joined(),
        Action::Reject(_) => true,
        _ => false,
    }
}

fn with_names_of_joiners(actions: &[Action]) -> Value {
    let mut value = serde_json::to_value(actions).expect("all of it is plain data");
    names(&mut value, &|machine| {
        let id = machine.as_u64().map(MachineId);
        let joined = id.filter(|id| id.is_joined());
        joined.map(|id| Value::String(id.to_string()))
    });
    value
}

/// The actions of a line. What the first edition had no word for is what it always was: kind 0; and a request is lost as
/// its machine is.
///
/// # Errors
/// What is wrong.
pub(super) fn actions(line: ActionsLine) -> Result<Vec<Action>, String> {
    let mut value = match line {
        ActionsLine::Written(actions) => return Ok(actions),
        ActionsLine::Read(value) => value,
    };
    names(&mut value, &|machine| {
        let id = values::machine(machine.as_str()?);
        id.ok().map(|id| id.0.into())
    });
    let mut untold = Vec::new();
    for (nth, action) in value.as_array_mut().into_iter().flatten().enumerate() {
        fill(action, "start", "kind", 0.into());
        if let Some(notice) = action.get_mut("notice") {
            fill(notice, "starts_failing", "kind", 0.into());
        }
        if fill(action, "request_lost", "by", "stopped".into()) {
            untold.push(nth);
        }
    }
    let actions: Result<Vec<Action>, _> = serde_json::from_value(value);
    let mut actions = actions.map_err(|error| format!("actions: {error}"))?;
    for nth in untold {
        if let Action::RequestLost { machine, .. } = actions[nth]
            && let Some(told) = loss_of(machine, &actions)
            && let Action::RequestLost { by, .. } = &mut actions[nth]
        {
            *by = told;
        }
    }
    Ok(actions)
}

/// Gives a variant's field a value if it has none; whether it did.
fn fill(action: &mut Value, variant: &str, field: &str, value: Value) -> bool {
    let Some(Value::Object(fields)) = action.get_mut(variant) else {
        return false;
    };
    let missing = !fields.contains_key(field);
    if missing {
        fields.insert(field.to_owned(), value);
    }
    missing
}

fn loss_of(lost: MachineId, actions: &[Action]) -> Option<Loss> {
    actions.iter().find_map(|action| match *action {
        Action::Notice(Notice::MachineLost { machine, by }) if machine == lost => Some(by),
        _ => None,
    })
}

/// Puts other values in place of machines, where there are any.
fn names(value: &mut Value, other: &impl Fn(&Value) -> Option<Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| names(value, other)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "machine" | "least" => {
                        if let Some(it) = other(value) {
                            *value = it;
                        }
                    }
                    _ => names(value, other),
                }
            }
        }
        _ => {}
    }
}
