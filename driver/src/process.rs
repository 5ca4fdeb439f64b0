//! The process system: a machine is a child process that speaks the wire protocol on its standard input and output.
//!
//! The command is a template, so the same code starts a worker on this host, with `ssh host …` on another, or with `srun …`
//! under Slurm. Those programs do authentication, encryption and placement. No port is opened.

mod gate;
mod group;
mod pump;
mod tail;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use remuda::{KindId, Kinds, MachineId, Resources, TaskId};
use remuda_worker::wire::{Decoder, Figures, FromWorker, Opening, ToWorker};

use crate::error::{CallError, StartError};
use crate::ongoing::Ongoing;
use crate::runtime::{Child, Runtime, timeout};
use crate::system::{Invocation, Start, System};
use crate::text::{Keep, harmless};
use crate::worker_link::{Link, compare_functions};
use gate::Gate;
use group::{EXIT_GRACE, Grace};
use pump::{EXIT_LIMIT, Exit, Pipes};
use tail::Tail;

pub(crate) use group::Group;
pub(crate) use tail::readable;

/// Machines that are child processes. See the [module](self) and [`ProcessSystem::new`].
#[derive(Clone, Debug)]
pub struct ProcessSystem<R> {
    runtime: R,
    template: Vec<String>,
    /// Templates of kinds that have one of their own.
    templates: BTreeMap<KindId, Vec<String>>,
    /// What machines of a kind are called in messages.
    names: BTreeMap<KindId, String>,
    advice: Option<fn(&str, &str) -> Option<String>>,
    gate: Option<Gate>,
    functions: Option<Vec<String>>,
    procs: Option<u32>,
    prefix: Vec<String>,
    /// Kinds whose template's program may wait in a queue.
    queued: Kinds,
    hello_timeout: Duration,
    silence: Option<Duration>,
    grace: Duration,
    /// Processes of starts that were given up, until they have ended.
    ongoing: Ongoing,
}

/// A worker process.
#[derive(Debug)]
pub struct Worker {
    link: Arc<Link>,
    pid: u32,
    /// What its kind is called.
    name: Option<String>,
    /// What its hello says; as much of the fourth amount as its kind has, as a hello does not know it.
    offer: Resources,
    dead: Exit,
}

impl Worker {
    /// What its kind is called, by [`ProcessSystem::name_of`].
    pub fn kind_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The id of the child process. If the template starts `ssh`, it is the id of `ssh`.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl<R: Runtime> ProcessSystem<R> {
    /// A system that starts its workers with the words of `template`: a program and its arguments, without a shell. In each
    /// word, `{procs}` is replaced by the procs that a machine of its kind has, `{memory}` by its memory in MiB, `{gpus}` by
    /// its GPUs, `{machine}` by the machine's id (`m3`), and `{kind}` by its kind: its name, or its number (`k0`).
    pub fn new(runtime: R, template: Vec<String>) -> Self {
        ProcessSystem {
            runtime,
            template,
            templates: BTreeMap::new(),
            names: BTreeMap::new(),
            advice: None,
            gate: None,
            functions: None,
            procs: None,
            prefix: Vec::new(),
            queued: Kinds::NONE,
            hello_timeout: Duration::from_secs(30),
            silence: None,
            grace: Duration::ZERO,
            ongoing: Ongoing::default(),
        }
    }

    /// The functions that every worker must have, and no others (S19). Without this call they are not compared.
    #[must_use]
    pub fn functions(mut self, functions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut functions: Vec<String> = functions.into_iter().map(Into::into).collect();
        functions.sort_unstable();
        self.functions = Some(functions);
        self
    }

    /// Another template, for machines of one kind.
    #[must_use]
    pub fn template_of(mut self, kind: KindId, template: Vec<String>) -> Self {
        self.templates.insert(kind, template);
        self
    }

    /// What to call machines of a kind in messages, such as the host that they are on.
    #[must_use]
    pub fn name_of(mut self, kind: KindId, name: impl Into<String>) -> Self {
        self.names.insert(kind, name.into());
        self
    }

    /// What to tell the user besides, when the start of a machine whose kind has a name has failed: given that name and the
    /// error, what to do about it, if that is known.
    #[must_use]
    pub fn advice(mut self, advice: fn(&str, &str) -> Option<String>) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Starts at most so many machines at a time, over all kinds, one at the least; others are queued meanwhile (see
    /// [`Start::queued`]). A server that takes only so many connections before they have logged in, as sshd does, is then
    /// not asked for more.
    #[must_use]
    pub fn starts_at_a_time(mut self, limit: usize) -> Self {
        self.gate = Some(Gate::new(limit));
        self
    }

    /// The number that `{procs}` stands for, if it is not that of the kind's capacity.
    #[must_use]
    pub fn procs(mut self, procs: u32) -> Self {
        self.procs = Some(procs);
        self
    }

    /// Words before those of the template of kinds that may be queued, which are no part of messages: of a program that runs the
    /// rest and ends it when its standard input ends, as the driver's end is seen there.
    #[must_use]
    pub fn prefix(mut self, words: Vec<String>) -> Self {
        self.prefix = words;
        self
    }

    /// Says that the template's program waits in a queue before it starts the worker, as `srun` does: until the worker's
    /// output begins, neither the hello time-out nor the start time-out runs (see [`Start::queued`]).
    #[must_use]
    pub fn queued(self) -> Self {
        self.queued_of(Kinds::ALL)
    }

    /// Says so of machines of these kinds alone.
    #[must_use]
    pub fn queued_of(mut self, kinds: Kinds) -> Self {
        self.queued = kinds;
        self
    }

    /// How long a worker may take to send its hello; default 30 s.
    #[must_use]
    pub fn hello_timeout(mut self, timeout: Duration) -> Self {
        self.hello_timeout = timeout;
        self
    }

    /// A worker that receives nothing from its driver for this time kills its jobs and exits (F8); by default the time that
    /// [`worker_silence`](crate::worker_silence) gives. Zero: never, which is right where worker and driver are on one host, as
    /// nothing can part them: a driver that is stopped for long then loses no worker.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// How long the template's program may take to end by itself, after SIGTERM and before SIGKILL, so that `srun` can give its
    /// allocation back. Default zero: it is killed at once, as is right for a worker on this host.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The words of the template for a machine.
    fn words(&self, start: &Start) -> Vec<String> {
        let procs = self.procs.unwrap_or(start.capacity.proc_count());
        let [_, memory, gpus, _] = start.capacity.amounts();
        let name = self.names.get(&start.kind);
        let values = [
            ("{procs}", procs.to_string()),
            ("{memory}", memory.to_string()),
            ("{gpus}", gpus.to_string()),
            ("{machine}", start.id.to_string()),
            (
                "{kind}",
                name.map_or_else(|| start.kind.to_string(), Clone::clone),
            ),
        ];
        let fill = |word: &String| {
            let filled = values.iter();
            filled.fold(word.clone(), |word, (name, value)| {
                word.replace(name, value)
            })
        };
        self.template(start.kind).iter().map(fill).collect()
    }

    /// The template of a kind.
    fn template(&self, kind: KindId) -> &[String] {
        self.templates.get(&kind).unwrap_or(&self.template)
    }

    /// The error of a start: where, what was wrong, and what to do.
    fn error(&self, kind: KindId, words: &[String], what: &str) -> StartError {
        let hint = shell_hint(words);
        StartError::new(match self.names.get(&kind) {
            Some(name) => {
                let advice = self.advice.and_then(|advice| advice(name, what));
                let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
                format!("{name}: {what}{hint}{advice}")
            }
            None => {
                let shown = harmless(&words.join(" "), Keep::Start(500));
                format!("`{shown}`: {what}{hint}")
            }
        })
    }

    /// Compares the hello of a worker with what this system requires (S19).
    fn check_hello(&self, functions: &[String]) -> Result<(), String> {
        compare_functions(self.functions.as_deref(), functions)
    }

    /// Reads the hello. The error says what was wrong; it does not quote what the process printed.
    async fn hello(
        &self,
        process: &mut Group,
        opening: &mut Opening,
        first: &[u8],
    ) -> Result<Hello, String> {
        let mut buffer = vec![0; 8 * 1024];
        let mut opened = opening.push(first);
        let mut decoder = loop {
            if let Some(opened) = opened.map_err(|error| error.to_string())? {
                break opened.decoder;
            }
            match process.read(&mut buffer).await {
                0 => return Err(format!("{} before its hello", self.exit(process).await)),
                n => opened = opening.push(&buffer[..n]),
            }
        };
        loop {
            match decoder.next().map_err(|error| error.to_string())? {
                Some(FromWorker::Hello {
                    procs,
                    memory_mib,
                    gpus,
                    functions,
                }) => {
                    return Ok(Hello {
                        offer: Resources::new([procs, memory_mib, gpus, u32::MAX]),
                        functions,
                        decoder,
                    });
                }
                Some(_) => return Err("its first frame is no hello".into()),
                None => match process.read(&mut buffer).await {
                    0 => return Err(format!("{} amid its hello", self.exit(process).await)),
                    n => decoder.push(&buffer[..n]),
                },
            }
        }
    }

    /// Describes how a process that has closed its output ended.
    async fn exit(&self, process: &mut Group) -> String {
        match timeout(&self.runtime, EXIT_GRACE, process.wait()).await {
            Some(Ok(status)) => format!("it ended ({status})"),
            Some(Err(error)) => format!("it ended ({error})"),
            None => "it closed its output".into(),
        }
    }
}

/// The command of these words, run by what `prefix` says.
fn command(prefix: &[String], words: &[String]) -> Result<Command, StartError> {
    if words.is_empty() {
        return Err(StartError::new("the launch template is empty"));
    }
    let mut words = prefix.iter().chain(words);
    let mut command = Command::new(words.next().expect("there is one word at least"));
    // In its own process group, Ctrl-C at the terminal signals only the driver.
    command.args(words).process_group(0);
    Ok(command)
}

/// What to add to an error where a word is written for a shell, and no shell comes to read it.
fn shell_hint(words: &[String]) -> String {
    let program = words.first().map_or("", String::as_str);
    let program = program.rsplit('/').next().unwrap_or_default();
    if program.ends_with("sh") {
        return String::new(); // sh, bash, …; and ssh, which has one read its words elsewhere.
    }
    let variable = |word: &str| {
        let mut behind = word.split('$').skip(1);
        behind.any(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{'))
    };
    let for_a_shell = |word: &&String| word.starts_with('~') || variable(word);
    match words.iter().find(for_a_shell) {
        None => String::new(),
        Some(word) => {
            let word = harmless(word, Keep::Start(100));
            format!(" (no shell reads this command, so `{word}` is taken as it is)")
        }
    }
}

struct Hello {
    offer: Resources,
    functions: Vec<String>,
    decoder: Decoder<FromWorker>,
}

impl<R: Runtime> System for ProcessSystem<R> {
    type Machine = Worker;

    async fn start(&self, start: Start) -> Result<Worker, StartError> {
        let pass = match &self.gate {
            Some(gate) => Some(gate.enter(|| start.queued()).await),
            None => None,
        };
        let words = self.words(&start);
        let queued = self.queued.contains(start.kind);
        let prefix = if queued { &self.prefix[..] } else { &[] };
        let refuse = |what: String| self.error(start.kind, &words, &what);
        let child = self
            .runtime
            .start(command(prefix, &words)?)
            .map_err(|error| refuse(format!("it cannot be run: {error}")))?;
        let Child {
            id: pid,
            stdin,
            stdout,
            stderr,
            process,
        } = child;
        let tail = Tail::follow(&self.runtime, start.id, stderr);
        let grace = |stderr| Grace::new(&self.runtime, self.grace, &self.ongoing, stderr);
        let grace = (!self.grace.is_zero()).then(|| grace(tail.listening()));
        let process = Group::new(pid, process).with_stdout(stdout);
        let mut process = process.with_grace(grace);
        let mut opening = Opening::new();
        let mut first = Vec::new();
        if queued {
            start.queued();
            first.resize(8 * 1024, 0);
            let length = process.read(&mut first).await;
            first.truncate(length);
        }
        start.booting();
        let hello = timeout(
            &self.runtime,
            self.hello_timeout,
            self.hello(&mut process, &mut opening, &first),
        );
        let hello = match hello.await {
            Some(hello) => hello,
            None => Err(format!("it said no hello within {:?}", self.hello_timeout)),
        };
        let hello = hello.and_then(|hello| {
            self.check_hello(&hello.functions)?;
            Ok(hello)
        });
        let hello = match hello {
            Ok(hello) => hello,
            Err(what) => {
                let said = [readable(opening.banner()), tail.settle(&self.runtime).await];
                let said: Vec<&str> = said
                    .iter()
                    .map(String::as_str)
                    .filter(|text| !text.is_empty())
                    .collect();
                return Err(refuse(match said.is_empty() {
                    true => what,
                    false => format!("{what}; it printed: {}", said.join(" | ")),
                }));
            }
        };
        drop(pass);
        let link = Arc::new(Link::new(hello.functions));
        let silence = self.silence.unwrap_or(start.silence);
        let silence_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        link.control(&ToWorker::Welcome { silence_ms });
        let stdout = process.take_stdout().expect("no one has it yet");
        let pipes = Pipes { stdin, stdout };
        let decoder = hello.decoder;
        let dead = pump::run(
            &self.runtime,
            link.clone(),
            pipes,
            process,
            decoder,
            tail,
            silence,
        );
        Ok(Worker {
            link,
            pid,
            name: self.names.get(&start.kind).cloned(),
            offer: hello.offer,
            dead,
        })
    }

    fn offer(&self, machine: &Worker, capacity: Resources) -> Resources {
        machine.offer.min(capacity)
    }

    async fn stopped(&self, machine: &Worker) -> String {
        let dead = machine.dead.clone().await;
        dead.unwrap_or_else(|_| "nothing watches it any more".into())
    }

    async fn leaving(&self, machine: &Worker) -> Duration {
        machine.link.leaving().await
    }

    async fn stop(&self, machine: &Worker) {
        machine.link.control(&ToWorker::Goodbye);
    }

    fn kill(&self, machine: &Worker) {
        machine.link.kill.raise();
    }

    /// Besides its grace, as long as its end and that of its output are waited for.
    fn kill_limit(&self, _: &Worker) -> Duration {
        match self.grace.is_zero() {
            true => Duration::ZERO,
            false => self.grace + 2 * EXIT_LIMIT + EXIT_GRACE,
        }
    }

    async fn finished(&self) {
        self.ongoing.finished().await;
    }

    async fn poll(&self, machine: &Worker) -> Figures {
        machine.link.poll().await.unwrap_or_default()
    }

    async fn call(&self, machine: &Worker, call: Invocation) -> Result<Vec<u8>, CallError> {
        machine.link.call(call).await
    }

    async fn discard(&self, machine: &Worker, task: TaskId) -> Result<(), String> {
        machine.link.discard(task.0).await
    }

    fn name(&self, id: MachineId, machine: &Worker) -> String {
        match &machine.name {
            None => format!("{id} (pid {})", machine.pid),
            Some(name) => format!("{id} on {name} (pid {})", machine.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct NoRuntime;

    impl Runtime for NoRuntime {
        fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {}
        fn sleep_until(&self, _: remuda::Instant) -> impl Future<Output = ()> + Send + 'static {
            std::future::ready(())
        }
        fn now(&self) -> remuda::Instant {
            remuda::Instant::ZERO
        }
        fn start(&self, _: Command) -> std::io::Result<Child> {
            Err(std::io::ErrorKind::Unsupported.into())
        }
    }

    fn system() -> ProcessSystem<NoRuntime> {
        ProcessSystem::new(NoRuntime, vec!["worker".into(), "--procs={procs}".into()])
    }

    #[test]
    fn s19_the_difference_in_functions_is_named() {
        let system = system().functions(["b", "a"]);
        let has = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(system.check_hello(&has(&["a", "b"])), Ok(()));
        let error = system.check_hello(&has(&["a", "c"])).unwrap_err();
        assert_eq!(
            error,
            "its functions differ: it lacks `b` and has `c` besides"
        );
    }

    #[test]
    fn the_template_is_filled_in() {
        let start = |kind| Start::new(MachineId(7), KindId(kind), Resources::procs(4)).0;
        let words =
            |system: &ProcessSystem<NoRuntime>, kind| system.words(&start(kind)).split_off(1);
        let other = ["gpu", "{machine}", "{kind}"].map(str::to_owned);
        let system = system().template_of(KindId(1), other.into());
        assert_eq!(words(&system, 0), ["--procs=4"]);
        assert_eq!(words(&system, 1), ["m7", "k1"]);
        let named = system.clone().name_of(KindId(1), "gpu");
        assert_eq!(words(&named, 1), ["m7", "gpu"]);
        assert_eq!(words(&system.procs(9), 0), ["--procs=9"]);
        let empty = ProcessSystem::new(NoRuntime, Vec::new());
        assert!(command(&[], &empty.words(&start(0))).is_err());
    }

    #[test]
    fn words_that_only_a_shell_would_read_are_pointed_out() {
        let hint = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            shell_hint(&words)
        };
        assert_eq!(
            hint(&["~/bin/remuda", "worker"]),
            " (no shell reads this command, so `~/bin/remuda` is taken as it is)"
        );
        assert!(hint(&["srun", "$HOME/remuda", "worker"]).contains("`$HOME/remuda`"));
        assert!(hint(&["srun", "${HOME}/remuda"]).contains("taken as it is"));
        for words in [
            &["ssh", "host", "~/bin/remuda"][..],
            &["/bin/sh", "-c", "exec $0"],
            &["remuda", "a~b", "5$", "worker"],
        ] {
            assert_eq!(hint(words), "");
        }
    }
}
