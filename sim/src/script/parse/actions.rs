//! Reads an action.

use remuda::{Action, Loss, Notice, Recovery, Reject};

use super::tokens::{Parsed, Words};

impl Words<'_> {
    pub(super) fn action(&mut self) -> Parsed<Action> {
        Ok(match self.word()? {
            "grant" => Action::Grant {
                request: self.request()?,
                machine: self.machine()?,
            },
            "start" => Action::Start {
                kind: self.other_kind()?,
                first: self.machine()?,
                count: match self.0.clone().next() {
                    Some(_) => self.named("count")?,
                    None => 1,
                },
            },
            "stop" => Action::Stop {
                machine: self.machine()?,
            },
            "expired" => Action::Expired {
                request: self.request()?,
            },
            "request-lost" => Action::RequestLost {
                request: self.request()?,
                machine: self.machine()?,
                by: match self.0.clone().next() {
                    Some(_) => self.loss()?,
                    None => Loss::Stopped,
                },
            },
            "task-lost" => Action::TaskLost {
                task: self.task()?,
                machine: self.machine()?,
            },
            "drop-task" => Action::DropTask {
                task: self.task()?,
                machine: self.machine()?,
            },
            "run-once" => Action::RunOnce {
                key: self.key()?,
                machine: self.machine()?,
            },
            "once-ready" => Action::OnceReady {
                waiter: self.waiter()?,
                key: self.key()?,
                outcome: self.once_outcome()?,
            },
            "poll" => Action::Poll {
                machine: self.machine()?,
            },
            "cancelled" => Action::Cancelled {
                request: self.request()?,
            },
            "set-timer" => Action::SetTimer {
                at: self.instant()?,
            },
            "clear-timer" => Action::ClearTimer,
            "notice" => Action::Notice(self.notice()?),
            "reject" => Action::Reject(self.reject()?),
            word => return Err(format!("there is no action {word}")),
        })
    }

    fn loss(&mut self) -> Parsed<Loss> {
        self.one_of(&[
            ("stopped", Loss::Stopped),
            ("silence", Loss::Silence),
            ("drained", Loss::Drained),
        ])
    }

    fn notice(&mut self) -> Parsed<Notice> {
        let word = self.word()?;
        Ok(match word {
            "starts-failing" => Notice::StartsFailing {
                kind: self.other_kind()?,
                failures: self.number()?,
            },
            "summary" => Notice::Summary {
                pending: self.named("pending")?,
                ok: self.named("ok")?,
                probation: self.named("probation")?,
                lost: self.named("lost")?,
            },
            "held" => Notice::Held {
                request: self.request()?,
                machine: self.machine()?,
            },
            "no-home" => Notice::NoHome {
                request: self.request()?,
            },
            _ => return self.notice_of_machine(word),
        })
    }

    fn notice_of_machine(&mut self, word: &str) -> Parsed<Notice> {
        let known = [
            "probation",
            "recovered",
            "machine-lost",
            "ended",
            "draining",
            "kept",
        ];
        if !known.contains(&word) {
            return Err(format!("there is no notice {word}"));
        }
        let machine = self.machine()?;
        Ok(match word {
            "probation" => Notice::Probation { machine },
            "recovered" => Notice::Recovered {
                machine,
                by: self.one_of(&[
                    ("success", Recovery::Success),
                    ("timeout", Recovery::Timeout),
                ])?,
            },
            "machine-lost" => Notice::MachineLost {
                machine,
                by: self.loss()?,
            },
            "ended" => Notice::Ended { machine },
            "draining" => Notice::Draining {
                machine,
                until: match self.take("until") {
                    true => Some(self.instant()?),
                    false => None,
                },
            },
            _ => Notice::Kept { machine },
        })
    }

    fn reject(&mut self) -> Parsed<Reject> {
        let word = self.word()?;
        if let Some(reject) = self.reject_of_request(word)? {
            return Ok(reject);
        }
        if let Some(reject) = self.reject_of_kind(word)? {
            return Ok(reject);
        }
        if let Some(once) = word.strip_prefix("once-") {
            let (key, machine) = (self.key()?, self.machine()?);
            return Ok(match once {
                "unknown" => Reject::OnceUnknown { machine, key },
                "not-running" => Reject::OnceNotRunning { machine, key },
                "running" => Reject::OnceRunning { machine, key },
                "machine-lost" => Reject::OnceMachineLost { machine, key },
                _ => return Err(format!("there is no rejection {word}")),
            });
        }
        let machine = self.machine()?;
        Ok(match word {
            "unknown-machine" => Reject::UnknownMachine { machine },
            "machine-stopping" => Reject::MachineStopping { machine },
            "machine-not-pending" => Reject::MachineNotPending { machine },
            "machine-not-in-service" => Reject::MachineNotInService { machine },
            "unexpected-polled" => Reject::UnexpectedPolled { machine },
            "join-id" => {
                self.expect("least")?;
                let least = self.machine()?;
                Reject::JoinId { machine, least }
            }
            _ => return Err(format!("there is no rejection {word}")),
        })
    }

    fn reject_of_request(&mut self, word: &str) -> Parsed<Option<Reject>> {
        Ok(Some(match word {
            "unknown-request" => Reject::UnknownRequest {
                request: self.request()?,
            },
            "duplicate-request" => Reject::DuplicateRequest {
                request: self.request()?,
            },
            "no-procs" => Reject::NoProcs {
                request: self.request()?,
            },
            "request-not-running" => Reject::RequestNotRunning {
                request: self.request()?,
            },
            "request-not-there" => Reject::RequestNotThere {
                request: self.request()?,
                machine: self.machine()?,
            },
            "too-many-procs" => Reject::TooManyProcs {
                request: self.request()?,
                procs: self.named("procs")?,
                limit: self.named("limit")?,
            },
            "too-large" => Reject::TooLarge {
                request: self.request()?,
                kind: self.kind_id()?,
                amount: self.named("amount")?,
                asked: self.named("asked")?,
                limit: self.named("limit")?,
            },
            _ => return Ok(None),
        }))
    }

    fn reject_of_kind(&mut self, word: &str) -> Parsed<Option<Reject>> {
        Ok(Some(match word {
            "unknown-kind" => Reject::UnknownKind {
                kind: self.kind_id()?,
            },
            "limits" => Reject::Limits {
                kind: self.kind_id()?,
            },
            "not-in-bigslice" => Reject::NotInBigslice,
            "duplicate-waiter" => Reject::DuplicateWaiter {
                waiter: self.waiter()?,
            },
            "full" => Reject::Full {
                limit: self.named("limit")?,
            },
            _ => return Ok(None),
        }))
    }
}
