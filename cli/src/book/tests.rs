use proptest::prelude::*;
use remuda_cli::jobs::{Format, parse};
use remuda_cli::offers::Offers;

use super::*;

const RULES: Rules = Rules {
    attempts: 3,
    retries: 0,
    retry_delay: Duration::ZERO,
    halt: None,
    window: 100,
    names: true,
    goes_on: false,
};

fn job(line: &str) -> Job {
    let jobs = parse(line.as_bytes(), Format::Jsonl, &Offers::procs(1));
    jobs.unwrap().remove(0)
}

fn named(name: &str, rest: &str) -> Job {
    job(&format!(r#"{{"cmd": "x", "name": "{name}"{rest}}}"#))
}

/// All steps that are due, in words.
fn steps(book: &mut Book<()>) -> Vec<String> {
    let step = |step| match step {
        Step::Ask(id) => format!("ask {id}"),
        Step::Later(id, delay) => format!("later {id} {delay:?}"),
        Step::Through { id, ended, .. } => format!("{} {id}", ended.state()),
        Step::Stop => "stop".into(),
        Step::EndRunning => "end running".into(),
    };
    std::iter::from_fn(|| book.next_step()).map(step).collect()
}

fn lost(why: &str) -> Loss {
    Loss::Lost {
        why: why.into(),
        spared: false,
    }
}

fn with(rules: Rules, jobs: impl IntoIterator<Item = Job>) -> Book<()> {
    let mut book = Book::new(rules, None);
    for job in jobs {
        book.add(job);
    }
    book.source_ended();
    book
}

#[test]
fn a_job_runs_and_is_through() {
    let mut book = with(RULES, [named("a", "")]);
    assert_eq!(steps(&mut book), ["ask 0"]);
    book.started(0);
    assert_eq!(
        (book.running(), book.attempt(0), book.is_over()),
        (1, 1, false)
    );
    book.ended(0, Ended::Exit(0), ());
    assert_eq!(steps(&mut book), ["ok 0"]);
    assert!(book.is_over() && book.running() == 0 && book.tally().ok == 1);
}

#[test]
fn failures_are_tried_again_after_delays_that_double() {
    let rules = Rules {
        retries: 3,
        retry_delay: Duration::from_secs(200),
        ..RULES
    };
    let own = named("own", r#", "retries": 0"#);
    let mut book = with(rules, [named("a", ""), own]);
    assert_eq!(steps(&mut book), ["ask 0", "ask 1"]);
    book.ended(1, Ended::Exit(1), ());
    assert_eq!(steps(&mut book), ["failed 1"]);
    for (failure, then) in [
        (Ended::Exit(1), "later 0 200s"),
        (Ended::TimedOut(Duration::ZERO), "later 0 300s"),
        (Ended::Signal(9), "later 0 300s"),
    ] {
        book.started(0);
        book.ended(0, failure, ());
        assert_eq!(steps(&mut book), [then]);
        book.again(0);
        assert_eq!(steps(&mut book), ["ask 0"]);
    }
    assert_eq!(book.attempt(0), 4);
    book.started(0);
    book.ended(0, Ended::Error("x".into()), ());
    assert_eq!(steps(&mut book), ["failed 0"]);
    assert_eq!((book.tally().retried, book.tally().failed), (3, 2));
}

#[test]
fn losses_have_a_limit_of_their_own() {
    let mut book = with(
        Rules {
            retries: 1,
            ..RULES
        },
        [named("a", "")],
    );
    book.lost(0, None, &lost("m0 was lost"), ());
    book.ended(0, Ended::Exit(1), ());
    book.lost(0, None, &lost("m1 was lost"), ());
    assert_eq!(steps(&mut book), ["ask 0"; 4]);
    book.lost(0, None, &lost("m2 was lost"), ());
    let Some(Step::Through {
        ended: Ended::Error(error),
        ..
    }) = book.next_step()
    else {
        panic!("it is through");
    };
    assert_eq!(
        error,
        "lost with its machine 3 times, the last time as m2 was lost"
    );
    assert_eq!((book.tally().run_again, book.tally().retried), (2, 1));
}

#[test]
fn a_run_that_counts_as_neither_is_one_more_attempt() {
    let mut book = with(RULES, [named("a", "")]);
    book.once_more(0);
    let spared = Loss::Lost {
        why: "it drained".into(),
        spared: true,
    };
    book.lost(0, None, &spared, ());
    assert_eq!(steps(&mut book), ["ask 0"; 3]);
    assert_eq!(book.attempt(0), 3);
    for _ in 1..RULES.attempts {
        book.lost(0, Some("m3"), &Loss::Unfit("no shell".into()), ());
        assert_eq!(steps(&mut book), ["ask 0"]);
    }
    book.lost(0, Some("m3"), &Loss::Unfit("no shell".into()), ());
    let Some(Step::Through {
        ended: Ended::Error(error),
        ..
    }) = book.next_step()
    else {
        panic!("it is through");
    };
    assert_eq!(
        error,
        "no machine could run it, tried 5 times, the last time m3: no shell"
    );
}

#[test]
fn what_depends_on_a_failure_is_skipped_and_what_does_not_mind_runs() {
    let jobs = [
        named("c", r#", "after": ["b"]"#),
        named("b", r#", "after": ["a", "z"]"#),
        named("d", r#", "after_any": ["b", "c"]"#),
        named("a", ""),
        named("z", ""),
    ];
    let mut book = with(RULES, jobs);
    assert_eq!(steps(&mut book), ["ask 3", "ask 4"]);
    book.ended(4, Ended::Exit(0), ());
    assert_eq!(steps(&mut book), ["ok 4"]);
    book.ended(3, Ended::Exit(1), ());
    assert_eq!(
        steps(&mut book),
        ["failed 3", "skipped 1", "ask 2", "skipped 0"]
    );
    // One that comes later finds out at once.
    book.source_ended = false;
    book.add(named("e", r#", "after": ["z", "c"]"#));
    book.add(named("f", r#", "after": ["z"], "after_any": ["c"]"#));
    assert_eq!(steps(&mut book), ["skipped 5", "ask 6"]);
    assert_eq!(book.tally().skipped, 3);
}

#[test]
fn what_an_earlier_run_did_counts_for_those_behind_it() {
    let mut book: Book<()> = Book::new(RULES, None);
    book.add(named("b", r#", "after": ["a"]"#));
    book.add_done(&named("a", ""), true);
    book.add_done(&named("x", ""), false);
    book.add(named("y", r#", "after": ["x"]"#));
    assert_eq!(steps(&mut book), ["ask 0", "skipped 3"]);
    assert_eq!(book.tally().before, 2);
}

#[test]
fn it_holds_no_more_jobs_than_it_may() {
    let mut book: Book<()> = Book::new(Rules { window: 2, ..RULES }, None);
    book.add(named("a", ""));
    assert!(book.wants_more());
    book.add(named("b", ""));
    assert!(!book.wants_more() && !book.is_over());
    book.ended(0, Ended::Exit(0), ());
    assert!(book.wants_more());
    book.stop(false);
    assert!(!book.wants_more() && book.is_over());
}

#[test]
fn a_stop_gives_up_what_does_not_run() {
    let mut book = with(
        Rules {
            retries: 5,
            ..RULES
        },
        ["a", "b", "c", "d"].map(|name| named(name, "")),
    );
    steps(&mut book);
    (0..3).for_each(|id| book.started(id));
    book.stop(true);
    assert_eq!(steps(&mut book), ["stop", "end running"]);
    book.ended(0, Ended::Interrupted, ());
    book.ended(1, Ended::Exit(1), ());
    book.lost(2, None, &lost("its machine went"), ());
    assert_eq!(
        steps(&mut book),
        ["interrupted 0", "failed 1", "interrupted 2"]
    );
    assert!(book.is_over());
    let tally = book.tally();
    assert_eq!(
        (tally.interrupted, tally.failed, tally.not_run()),
        (2, 1, 1)
    );
}

#[test]
fn a_limit_of_failures_or_successes_halts() {
    let halt = |now, on, limit| Rules {
        halt: Some(Halt { now, on, limit }),
        ..RULES
    };
    let four = || ["a", "b", "c", "d"].map(|name| named(name, ""));
    let mut book = with(halt(true, What::Fail, Limit::Count(2)), four());
    steps(&mut book);
    book.started(3);
    book.ended(0, Ended::Exit(1), ());
    book.ended(1, Ended::TimedOut(Duration::ZERO), ());
    assert_eq!(
        steps(&mut book),
        ["failed 0", "timeout 1", "stop", "end running"]
    );
    book.ended(3, Ended::Exit(1), ());
    assert_eq!(steps(&mut book), ["failed 3"]);

    let mut book = with(halt(false, What::Success, Limit::Count(1)), four());
    steps(&mut book);
    book.ended(0, Ended::Exit(1), ());
    book.ended(1, Ended::Exit(0), ());
    assert_eq!(steps(&mut book), ["failed 0", "ok 1", "stop"]);

    let mut book = with(halt(false, What::Fail, Limit::Percent(50.0)), four());
    steps(&mut book);
    book.ended(0, Ended::Exit(1), ());
    assert_eq!(steps(&mut book), ["failed 0"]);
    book.ended(1, Ended::Exit(1), ());
    assert_eq!(steps(&mut book), ["failed 1", "stop"]);
}

/// What a test decides for one attempt.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Ok,
    Fail,
    Lose,
    Unfit,
    /// Lost, and that does not count.
    Spare,
    /// Failed, and that does not count.
    OnceMore,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Ok),
        1 => Just(Fate::Fail),
        1 => Just(Fate::Lose),
        1 => Just(Fate::Unfit),
        1 => Just(Fate::Spare),
        1 => Just(Fate::OnceMore),
    ]
}

proptest! {
    /// Whatever waits for whatever and however attempts end: each job is through once, after those it waits for, with no more
    /// attempts than it may have, and it was skipped only if one of them did not succeed.
    #[test]
    fn each_job_is_through_once_and_in_order(
        edges in proptest::collection::vec((0..12_usize, 0..12_usize, any::<bool>()), 0..20),
        fates in proptest::collection::vec(fate(), 100),
        order in any::<u64>(),
        retries in 0..3_u32,
    ) {
        // Edges go from a higher number to a lower one, and the jobs come in another order.
        let mut jobs: Vec<_> = (0..12).map(|number| {
            let to = |must: bool| edges.iter().filter(|edge| edge.0 == number && edge.1 < number && edge.2 == must)
                .map(|edge| format!("\"{}\"", edge.1)).collect::<Vec<_>>().join(",");
            named(&number.to_string(), &format!(r#", "after": [{}], "after_any": [{}]"#, to(true), to(false)))
        }).collect();
        let shift = order as usize % jobs.len();
        jobs.rotate_left(shift);
        let rules = Rules { retries, ..RULES };
        let mut book = with(rules, jobs.clone());
        let (mut asked, mut fates) = (Vec::new(), fates.into_iter().cycle());
        let mut through: HashMap<String, Ended> = HashMap::new();
        let (mut attempts, mut free) = (vec![0; jobs.len()], vec![0; jobs.len()]);
        // Else it might never end.
        let mut frees = 200;
        loop {
            while let Some(step) = book.next_step() {
                match step {
                    Step::Ask(id) => asked.push(id),
                    Step::Through { job, ended, .. } => {
                        let succeeded = |name: &str| through.get(name).map(Ended::is_ok);
                        if let Ended::Skipped(why) = &ended {
                            prop_assert!(job.waits_for().any(|(name, must)| must && name == why));
                            prop_assert_eq!(succeeded(why), Some(false));
                        } else {
                            prop_assert!(job.waits_for().all(|(name, must)| succeeded(name).is_some_and(|ok| ok || !must)));
                        }
                        prop_assert!(through.insert(job.name().into_owned(), ended).is_none());
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            if asked.is_empty() {
                break;
            }
            let id = asked.remove((order as usize).wrapping_mul(31) % asked.len());
            attempts[id] += 1;
            prop_assert_eq!(book.attempt(id), attempts[id]);
            book.started(id);
            let fate = fates.next().expect("it has no end");
            if matches!(fate, Fate::Spare | Fate::OnceMore) {
                frees -= 1;
                free[id] += 1;
            }
            match fate {
                _ if frees == 0 => return Ok(()),
                Fate::Ok => book.ended(id, Ended::Exit(0), ()),
                Fate::Fail => book.ended(id, Ended::Exit(1), ()),
                Fate::Lose => book.lost(id, None, &lost("lost"), ()),
                Fate::Unfit => book.lost(id, Some("m0"), &Loss::Unfit("ill".into()), ()),
                Fate::Spare => {
                    let loss = Loss::Lost { why: "gone".into(), spared: true };
                    book.lost(id, None, &loss, ());
                }
                Fate::OnceMore => book.once_more(id),
            }
        }
        prop_assert!(book.is_over());
        prop_assert_eq!(through.len(), jobs.len());
        let most = |free: u32| RULES.attempts + retries + free;
        prop_assert!(attempts.iter().zip(free).all(|(&count, free)| count <= most(free)));
        let tally = book.tally();
        prop_assert_eq!(tally.done(), jobs.len());
        prop_assert_eq!(tally.not_run(), 0);
    }
}
