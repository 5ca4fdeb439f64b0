//! Asks hosts what they have, before the run: a worker is started on each, and its first message says so.
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use remuda::{KindId, MachineId, Resources};
use remuda_tokio::{ProcessSystem, Runtime, Start, StartError, System, Tokio};

use super::{Amounts, Launch, Machines};

/// How long a worker that has answered may take to end.
const END: Duration = Duration::from_secs(5);

impl Machines {
    /// Asks the hosts of these kinds, a few at a time, and notes what they say. Returns a line for each that did not answer.
    ///
    /// # Errors
    /// There is no runtime to be had.
    pub(super) fn ask(&mut self, kinds: &[usize]) -> Result<Vec<String>, String> {
        let answers = remuda_tokio::run(async |runtime| {
            let templates = self.kinds.iter().map(|kind| match &kind.launch {
                Launch::Ssh { host, .. } => self.ssh.words(host, &self.worker_args),
                other => self.template(other),
            });
            let system = self.system_with(&runtime, templates.collect());
            let asking = kinds.iter().map(async |&kind| {
                let answer = offer(&runtime, &system, kind).await;
                (kind, answer)
            });
            let asking: FuturesUnordered<_> = asking.collect();
            asking.collect::<Vec<_>>().await
        });
        let mut answers = answers.map_err(|error| format!("cannot start: {error}"))?;
        answers.sort_by_key(|&(kind, _)| kind);
        let mut notes = Vec::new();
        for (kind, answer) in answers {
            match answer {
                Ok(offer) => self.kinds[kind].said.learn(offer),
                Err(error) => notes.push(format!("{error} (it is tried again)")),
            }
        }
        Ok(notes)
    }
}

impl Amounts {
    /// Fills in what is not said.
    fn learn(&mut self, offer: Resources) {
        let [procs, memory_mib, gpus, _] = offer.amounts();
        self.procs.get_or_insert(procs);
        self.memory_mib.get_or_insert(memory_mib);
        self.gpus.get_or_insert(gpus);
    }
}

/// What a worker of this kind offers.
async fn offer(
    runtime: &Tokio,
    system: &ProcessSystem,
    kind: usize,
) -> Result<Resources, StartError> {
    let kind = KindId(u8::try_from(kind).unwrap_or(u8::MAX));
    let (start, _progress) = Start::new(MachineId(0), kind, Resources::ZERO);
    let worker = system.start(start).await?;
    let offer = system.offer(&worker, Resources::new([u32::MAX; Resources::COUNT]));
    system.stop(&worker).await;
    let late = runtime.sleep_until(runtime.now() + END);
    let ended = std::pin::pin!(system.stopped(&worker));
    futures::future::select(ended, std::pin::pin!(late)).await;
    system.kill(&worker);
    Ok(offer)
}
