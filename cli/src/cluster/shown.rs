//! The machines of a run in words.
use super::{KindPlan, Launch, Machines};

impl Machines {
    /// What starts a machine, where all are of one kind without a name.
    pub(crate) fn only_command(&self) -> Option<String> {
        match &self.kinds[..] {
            [kind] if kind.name.is_empty() => Some(self.template(&kind.launch).join(" ")),
            _ => None,
        }
    }

    /// A line for each kind: its name, how many machines it may have and how large they are, and what starts one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.kinds.iter().map(|kind| self.line(kind))
    }

    fn line(&self, kind: &KindPlan) -> String {
        let name = match kind.name.as_str() {
            "" => "others",
            name => name,
        };
        let count = match kind.max {
            u32::MAX => "machines".to_owned(),
            1 => "one machine".to_owned(),
            max => format!("up to {max} machines"),
        };
        let size = match (&kind.launch, kind.said.procs) {
            (Launch::Elsewhere, _) | (_, None) => "of as many procs as they have".to_owned(),
            (_, Some(1)) => "of 1 proc".to_owned(),
            (_, Some(procs)) => format!("of {procs} procs"),
        };
        let start = match &kind.launch {
            Launch::Elsewhere => "which connect back".to_owned(),
            Launch::StartCommand => "started by the start command".to_owned(),
            launch => {
                let each = if kind.max == 1 { "" } else { "each " };
                format!("{each}started by: {}", self.template(launch).join(" "))
            }
        };
        format!("{name}: {count} {size}, {start}")
    }
}
