//! What the journal keeps of a machine, for a driver that goes on with its run.

/// How a machine is found again and ended: what the system of the workers says, and, on a second line, the machine's number in
/// the call that started it and what that call has printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) worker: Option<String>,
    pub(super) started: Option<(u64, String)>,
}

impl Token {
    pub(super) fn write(self) -> Option<String> {
        match (self.worker, self.started) {
            (worker, None) => worker,
            (worker, Some((index, handle))) => {
                let worker = worker.unwrap_or_default();
                Some(format!("{worker}\n{index} {handle}"))
            }
        }
    }

    /// A token without a second line, or with one that makes no sense, is of a machine that no command ends.
    pub(super) fn read(text: Option<String>) -> Token {
        let mut lines = text.as_deref().unwrap_or_default().splitn(2, '\n');
        let worker = lines.next().filter(|worker| !worker.is_empty());
        let started = lines.next().and_then(|line| {
            let (index, handle) = line.split_once(' ')?;
            Some((index.parse().ok()?, handle.to_owned()))
        });
        Token {
            worker: worker.map(str::to_owned),
            started,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for worker in [None, Some("session 30000".to_owned())] {
            for handle in [None, Some("Submitted batch job 71"), Some("")] {
                let token = || Token {
                    worker: worker.clone(),
                    started: handle.map(|handle| (3, handle.to_owned())),
                };
                assert_eq!(Token::read(token().write()), token());
            }
        }
        let odd = Token::read(Some("session\nx y".into()));
        assert_eq!(
            (odd.worker.as_deref(), odd.started),
            (Some("session"), None)
        );
    }
}
