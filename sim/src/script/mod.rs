//! Runs as plain text: what happened and what was decided, readable and ready to paste.
//!
//! ```text
//! config procs 4 max 8
//!
//! at 0s submit r1 prio 0 procs 2
//! -> start m0
//! -> set-timer 60s
//! at 1s up m0
//! -> poll m0
//! -> grant r1 m0
//! -> set-timer 11s
//! ```
//!
//! An `at` line is an event, the `->` lines after it are its actions, in order. `#` begins a
//! comment; comments and blank lines stay where they are when a script is read and written again.
//! Times are in seconds, with up to nine digits after the point.
//!
//! # The config
//!
//! The first line, `config`, says what a machine offers:
//!
//! | words | what they mean |
//! |---|---|
//! | `procs 4 max 8` | one kind of machines of 4 procs, with no limits; 8 procs in all, as they are |
//! | `maxprocs 16 load 0.9 max 64` | [`Config::with_max_load`](remuda::Config::with_max_load) |
//! | `bigslice 16 load 0.9 max 64` | [`Config::bigslice`](remuda::Config::bigslice) |
//! | `bigslice procs 4 max 8` | [`Config::bigslice_machines`](remuda::Config::bigslice_machines) |
//! | nothing, or `max 64` | max procs; the kinds stand in lines of their own, right after this one |
//!
//! The policy is *fit* unless the word `bigslice` follows `config`. Then the line names what
//! differs from the defaults: `silent N` (polls), `patience N`, `flaps N`, `probation D`, `backoff D` and
//! `cap D` (of starts), `poll D`, `summary D`, `probation-cap D`, `settle D`, `hold-limit D`,
//! `packing best-fit`, `first-fit` or `by-kinds`, `stop-with-tasks`, `withdraw`, and `names A/B/C/D` of the
//! four amounts, in which `%2f;` stands for a slash.
//!
//! ```text
//! config max 64 patience 1 settle 5s
//! kind 8/32768 max 20 idle 120s
//! kind 32/131072/4 cost 12 max 2 spare 1
//! kind 2 joins-only
//! ```
//!
//! A `kind` line is a kind of machine, from k0 on: its capacity, amounts between slashes, then what
//! differs from the defaults: `min N`, `max N`, `spare N`, `max-pending N`, `batch N`, `cost N`,
//! `idle D`, `joins-only`.
//!
//! # Events
//!
//! | words | event |
//! |---|---|
//! | `submit r1 prio 0 procs 2` | [`Submit`](remuda::Event::Submit); or `amounts 2/4096`, or `machine`; then, each only if it is said, `kinds k0+k2` (or `none`), `prefer m3`, `avoid m4`, `give-up 60s` |
//! | `cancel r1` | [`Cancel`](remuda::Event::Cancel) |
//! | `done r1 m0 ok` | [`Done`](remuda::Event::Done): `ok`, `remote`, `unreachable` or `unused`; the machine may be left out |
//! | `up m0 offer 4/100` | [`Up`](remuda::Event::Up); the offer may be left out |
//! | `start-failed m0` | [`StartFailed`](remuda::Event::StartFailed); with `retry-after 5s` or `at-capacity` |
//! | `stopped m0` | [`Stopped`](remuda::Event::Stopped) |
//! | `join j0 k1 offer 8` | [`Join`](remuda::Event::Join); the offer may be left out |
//! | `drain m0 until 90s` | [`Drain`](remuda::Event::Drain); the end may be left out |
//! | `keep m0` | [`Keep`](remuda::Event::Keep) |
//! | `limits k0 min 0 max 4 spare 1 idle 60s` | [`SetLimits`](remuda::Event::SetLimits); with no `idle`: never |
//! | `max-procs 64` | [`SetMaxProcs`](remuda::Event::SetMaxProcs) |
//! | `assign t1 m0`, `discard t1 m0` | [`AssignTask`](remuda::Event::AssignTask), [`DiscardTask`](remuda::Event::DiscardTask) |
//! | `once 1/7 m0 w1` | [`Once`](remuda::Event::Once): the work, the machine, who asks |
//! | `once-done 1/7 m0 ok` | [`OnceDone`](remuda::Event::OnceDone): `ok`, `remote`, `unreachable` or `machine-lost` |
//! | `forget 1/7 m0` | [`ForgetOnce`](remuda::Event::ForgetOnce) |
//! | `polled m0 answered` | [`Polled`](remuda::Event::Polled); or `unanswered` |
//! | `timer`, `shutdown` | [`Timer`](remuda::Event::Timer), [`Shutdown`](remuda::Event::Shutdown) |
//!
//! # Actions
//!
//! | words | action |
//! |---|---|
//! | `grant r1 m0` | [`Grant`](remuda::Action::Grant) |
//! | `start m0`, `start m0 count 3`, `start k1 m0` | [`Start`](remuda::Action::Start) of one, of three, of one of another kind than k0 |
//! | `stop m0` | [`Stop`](remuda::Action::Stop) |
//! | `expired r1` | [`Expired`](remuda::Action::Expired) |
//! | `request-lost r1 m0` | [`RequestLost`](remuda::Action::RequestLost) because the machine stopped; or with `silence` or `drained` |
//! | `task-lost t1 m0`, `drop-task t1 m0` | [`TaskLost`](remuda::Action::TaskLost), [`DropTask`](remuda::Action::DropTask) |
//! | `run-once 1/7 m0` | [`RunOnce`](remuda::Action::RunOnce) |
//! | `once-ready w1 1/7 ok` | [`OnceReady`](remuda::Action::OnceReady) |
//! | `poll m0` | [`Poll`](remuda::Action::Poll) |
//! | `cancelled r1` | [`Cancelled`](remuda::Action::Cancelled) |
//! | `set-timer 60s`, `clear-timer` | [`SetTimer`](remuda::Action::SetTimer), [`ClearTimer`](remuda::Action::ClearTimer) |
//! | `notice …` | [`Notice`](remuda::Notice): `probation m0`, `recovered m0 success` or `timeout`, `machine-lost m0 stopped`, `silence` or `drained`, `ended m0`, `draining m0` or `draining m0 until 90s`, `kept m0`, `held r1 m0`, `no-home r1`, `starts-failing 9` or `starts-failing k1 9`, `summary pending 0 ok 2 probation 1 lost 3` |
//! | `reject …` | [`Reject`](remuda::Reject): `unknown-request r1`, `duplicate-request r1`, `no-procs r1`, `too-many-procs r1 procs 9 limit 8`, `too-large r1 k0 amount 1 asked 9 limit 8`, `request-not-running r1`, `request-not-there r1 m0`, `unknown-machine m0`, `machine-stopping m0`, `join-id j0 least j1`, `unknown-kind k9`, `limits k0`, `not-in-bigslice`, `machine-not-pending m0`, `machine-not-in-service m0`, `unexpected-polled m0`, `duplicate-waiter w1`, `once-unknown 1/7 m0`, and so `once-not-running`, `once-running`, `once-machine-lost`, and `full limit 9` |

mod config;
mod parse;
mod text;
mod words;

use core::fmt;

use remuda::{Action, Event};

pub use config::{Capacity, Load};
pub use parse::ParseError;
pub use text::{Script, Step};

/// An action in a script's words.
pub fn action(action: &Action) -> impl fmt::Display + '_ {
    words::ActionWords(action)
}

/// An event in a script's words.
pub fn event(event: &Event) -> impl fmt::Display + '_ {
    words::EventWords(event)
}
