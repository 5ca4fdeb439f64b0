//! Each mistake of a small adapter is named: by the rule that it breaks, in a short story, and by many stories.

use remuda_testkit::{Check, Rule};

use crate::small::{Mistake, Small};

/// The rules that a mistake may break; the first is the one that is named.
fn named(mistake: Mistake) -> Rule {
    match mistake {
        Mistake::UpTwice => Rule::StartAnsweredTwice,
        Mistake::UpAtOnce | Mistake::JoinsItself => Rule::Invented,
        Mistake::FailedStartForgotten => Rule::StartNotAnswered,
        Mistake::HintForgotten | Mistake::FailedStartIsUp => Rule::StartAnsweredWrongly,
        Mistake::UnusedNotDone | Mistake::GrantToNobody => Rule::GrantNotDone,
        Mistake::DoneTwice => Rule::GrantDoneTwice,
        Mistake::DoneWhenClientGoes => Rule::GrantDoneTooEarly,
        Mistake::DoneWithoutMachine | Mistake::DoneWhereItRanFirst => Rule::GrantDoneElsewhere,
        Mistake::UnreachableIsRemote => Rule::OutcomeChanged,
        Mistake::PollWithoutTimeout => Rule::PollNotAnswered,
        Mistake::PollNotAsked => Rule::PollNotSent,
        Mistake::PollAnsweredForIt => Rule::PollAnsweredWrongly,
        Mistake::PollAnsweredTwice => Rule::PollAnsweredTwice,
        Mistake::TimerArmedOnce | Mistake::TimerArmedOnGrant => Rule::TimerNotArmed,
        Mistake::TimerNotTold => Rule::TimerNotTold,
        Mistake::TimerBusy => Rule::TimerBusy,
        Mistake::WorkNotCancelled => Rule::WorkNotCancelled,
        Mistake::CancelForgotten => Rule::CancelNotTold,
        Mistake::IdleLossForgotten => Rule::EndNotTold,
        Mistake::StoppedAtOnce => Rule::EndToldTooEarly,
        Mistake::PendingNotStopped => Rule::StopNotMade,
        Mistake::FirstOfManyStarted => Rule::StartNotMade,
        Mistake::ActionsReversed | Mistake::StartsStacked => Rule::OutOfOrder,
        Mistake::IdReused => Rule::RequestIdReused,
        Mistake::TimeOfLastTurn => Rule::TimeStale,
        Mistake::TimeFromTwoClocks => Rule::TimeGoesBack,
        Mistake::TimeOfDeadline => Rule::TimeAhead,
        Mistake::ExpiryNotTold => Rule::ExpiryNotDelivered,
        Mistake::ShutdownNotPassedOn => Rule::CancelNotDelivered,
        Mistake::LossNotTold => Rule::LossNotDelivered,
        Mistake::PriorityForgotten => Rule::RequestChanged,
        Mistake::RequestForgotten => Rule::RequestNotSubmitted,
        Mistake::GrantForgotten => Rule::GrantNotDelivered,
        Mistake::DrainForgotten => Rule::DrainNotTold,
        Mistake::ShutdownForgotten => Rule::ShutdownNotTold,
        Mistake::StopsOthersOnLoss => Rule::NotAskedFor,
        Mistake::PanicsOnLateEnd => Rule::Panicked,
        Mistake::ClientCancelsAfterGrant => Rule::Invented,
    }
}

#[test]
fn the_right_adapter_passes_and_meets_everything() {
    let report = Check::default().run(|config, world| Small::new(config, world, None));
    let report = report.unwrap();
    println!("{report}");
    let everything = [
        "request",
        "gone",
        "up",
        "start failed",
        "ended",
        "stopped",
        "poll answered",
        "must go",
        "shutdown",
        "start",
        "stop",
        "run",
        "cancel",
        "poll",
        "expired",
        "cancelled",
        "lost",
    ];
    for what in everything {
        let times = report.met.get(what).copied().unwrap_or_default();
        assert!(times >= 20, "{what}: {times} times");
    }
}

/// Not by luck: each by five stories of a hundred and fifty at the least.
#[test]
fn each_mistake_is_named() {
    let mut wrong = Vec::new();
    for &mistake in Mistake::ALL {
        let make = |config, world| Small::new(config, world, Some(mistake));
        let check = Check::default().seeds(0..150);
        let rules = check.survey(make);
        let found = rules.iter().flatten().count();
        let right = rules
            .iter()
            .flatten()
            .filter(|rule| **rule == named(mistake));
        let right = right.count();
        let Err(broken) = check.run(make) else {
            wrong.push(format!("{mistake:?} is not found"));
            continue;
        };
        let steps = broken
            .to_string()
            .lines()
            .filter(|line| line.contains(". "))
            .count();
        println!(
            "{mistake:?}: {} ({found} stories, {right} by this name; {steps} steps)",
            broken.rule
        );
        if broken.rule != named(mistake) || found < 5 || steps > 15 {
            wrong.push(format!(
                "{mistake:?}, expected {}:\n{broken}",
                named(mistake)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn each_rule_has_a_mistake_that_it_names() {
    let named: Vec<Rule> = Mistake::ALL.iter().map(|it| named(*it)).collect();
    let unnamed = Rule::ALL.iter().filter(|rule| !named.contains(rule));
    let unnamed: Vec<_> = unnamed.collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
