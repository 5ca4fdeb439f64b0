//! `/metrics`: the figures of a run for Prometheus. Labels have few values: none is of a machine, a request or a job.
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use remuda::{Instant, Resources, Totals as Amounts};
use remuda_tokio::{ClusterFigures, Keep, harmless};

use super::mirror::Mirror;
use super::totals::{BOUNDS, CLASSES, LOSSES, OUTCOMES, STARTS, Sums};

/// What is said to be the type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// All figures of a moment.
#[derive(Debug)]
struct Snapshot {
    figures: ClusterFigures,
    sums: Sums,
    /// What each kind is called here, each otherwise.
    kinds: Vec<String>,
    /// Of each kind, what one machine has.
    capacities: Vec<Resources>,
    resources: Vec<String>,
    /// Seconds from 1970 to the beginning of the run's clock.
    origin: f64,
    /// Whether it is written in the format of OpenMetrics.
    is_open: bool,
}

/// All metrics, and the type of the text. `accept` is what the reader says that it takes: the format of OpenMetrics if it names
/// that, else the older one of Prometheus, as all readers do it.
pub(super) fn metrics(mirror: &Mirror, accept: &str) -> (String, &'static str) {
    let manager = mirror.manager();
    let config = manager.config();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |now| now.as_secs_f64());
    let is_open = accept.contains("application/openmetrics-text");
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot {
        figures: ClusterFigures::of(manager),
        sums: mirror.totals().sums.clone(),
        kinds: names(mirror.kinds(), config.kinds.len()),
        capacities: config.kinds.iter().map(|kind| kind.capacity).collect(),
        resources: config.names.to_vec(),
        origin: now - mirror.now().0 as f64 / 1e9,
        is_open,
    }));
    let mut said = String::new();
    let (written, kind) = if is_open {
        (text::encode(&mut said, &registry), OPEN_METRICS)
    } else {
        let written = prometheus_text::encode(&mut said, &registry);
        (written, prometheus_text::CONTENT_TYPE)
    };
    written.expect("a text takes all");
    (said, kind)
}

/// What each kind is called: by its name, and by its number where it has none, or another kind has the same.
fn names(given: &[String], count: usize) -> Vec<String> {
    let given = |at: usize| {
        let name = given.get(at).map_or("", String::as_str);
        harmless(name, Keep::Start(100))
    };
    let of = |at: usize| {
        let name = given(at);
        let is_other = |other: usize| other != at && given(other) == name;
        match (name.is_empty(), (0..count).any(is_other)) {
            (true, _) => format!("k{at}"),
            (false, true) => format!("{name} (k{at})"),
            (false, false) => name,
        }
    };
    (0..count).map(of).collect()
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        let (counts, kinds) = (self.figures.counts, || {
            self.kinds.iter().zip(&self.figures.kinds)
        });
        out.gauges(
            "remuda_requests",
            "Requests that wait (queued) and that have a machine (running)",
            None,
            [("queued", counts.queued), ("running", counts.running)]
                .map(|(state, count)| (label("state", state), count)),
        )?;
        self.waits(&mut out)?;
        let machines = kinds().flat_map(|(name, it)| {
            let it = it.counts.machines;
            let states = [
                ("pending", it.pending),
                ("ok", it.ok),
                ("probation", it.probation),
                ("draining", it.draining),
                ("stopping", it.stopping),
            ];
            states.map(|(state, count)| (of_kind(name, "state", state), count))
        });
        out.gauges("remuda_machines", "Machines that are there", None, machines)?;
        self.amounts(&mut out)?;
        out.gauges(
            "remuda_wanted_machines",
            "Machines that are there to stay: asked for or in service, without those that drain or stop",
            None,
            kinds().map(|(name, it)| (label("kind", name), it.wanted)),
        )?;
        let starts = self.kinds.iter().zip(&self.sums.starts);
        out.counters(
            "remuda_starts",
            "Starts of machines that are over: up, failed, or given up before the machine was up",
            starts.flat_map(|(name, counts)| {
                STARTS
                    .iter()
                    .zip(counts)
                    .map(move |(result, count)| (of_kind(name, "result", result), *count))
            }),
        )?;
        out.counters(
            "remuda_losses",
            "Machines that were lost, by how that was noticed",
            LOSSES
                .iter()
                .zip(self.sums.losses)
                .map(|(by, count)| (label("by", by), count)),
        )?;
        self.outcomes(&mut out)?;
        out.gauges(
            "remuda_backoff_until",
            "When the start back-off of a kind ends, in seconds from 1970; 0 if there is none",
            Some(&Unit::Seconds),
            kinds().map(|(name, it)| {
                let until = it.backoff.map(|backoff| backoff.until);
                let until = until.filter(|until| *until > self.figures.now);
                let until = until.map_or(0.0, |until| match until {
                    Instant::MAX => f64::INFINITY,
                    until => self.origin + until.0 as f64 / 1e9,
                });
                (label("kind", name), until)
            }),
        )?;
        out.counters(
            "remuda_holds",
            "Times that a machine was held for a request that was passed by for long",
            [(Labels::new(), self.sums.holds)],
        )
    }
}

impl Snapshot {
    fn waits(&self, out: &mut Out<'_>) -> fmt::Result {
        let mut family = out.0.encode_descriptor(
            "remuda_request_wait",
            "How long requests waited that were granted, by their priority",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (class, waits) in CLASSES.iter().zip(&self.sums.waits) {
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(waits.buckets).collect();
            let sum = waits.sum as f64 / 1e9;
            family
                .encode_family(&label("priority", class))?
                .encode_histogram::<NoLabelSet>(sum, waits.count, &buckets, None)?;
        }
        Ok(())
    }

    fn outcomes(&self, out: &mut Out<'_>) -> fmt::Result {
        const HELP: &str = "Requests that have ended, by how";
        let counts = OUTCOMES.iter().zip(self.sums.outcomes);
        let samples = counts.map(|(outcome, count)| (label("outcome", outcome), count));
        if !self.is_open {
            return out.counters("remuda_requests", HELP, samples);
        }
        // As a counter of OpenMetrics its family would have the name of the gauge `remuda_requests`.
        let (name, kind) = ("remuda_requests_total", MetricType::Unknown);
        let mut family = out.0.encode_descriptor(name, HELP, None, kind)?;
        for (labels, count) in samples {
            family.encode_family(&labels)?.encode_gauge(&count)?;
        }
        Ok(())
    }

    fn amounts(&self, out: &mut Out<'_>) -> fmt::Result {
        let kinds = self.kinds.iter().zip(&self.figures.kinds);
        let kinds = kinds.zip(&self.capacities);
        let samples = kinds.flat_map(|((name, it), capacity)| {
            let of = |state: &'static str, amounts: Amounts| {
                let all = self.resources.iter().zip(amounts.amounts());
                all.zip(capacity.amounts()).filter(|(_, has)| *has > 0).map(
                    move |((resource, amount), _)| {
                        let mut labels = of_kind(name, "state", state);
                        labels.insert(1, ("resource", resource.clone()));
                        (labels, amount)
                    },
                )
            };
            of("used", it.used).chain(of("free", it.free))
        });
        out.gauges(
            "remuda_amount",
            "What grants take (used), and what machines in good health have left (free)",
            None,
            samples,
        )
    }
}

/// Where families are written.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn gauges<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (Labels, V)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counters<V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, V)>,
    ) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            family
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, V, f64>(&value, None)?;
        }
        Ok(())
    }
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn of_kind(kind: &str, name: &'static str, value: &str) -> Labels {
    vec![("kind", kind.to_owned()), (name, value.to_owned())]
}
