//! What the messages of known commands say of when a start may work again (G3).

use std::time::Duration;

use crate::error::StartError;

/// How long a rate limit is heeded.
const RATE_LIMIT: Duration = Duration::from_secs(60);

/// Parts of messages, in lower case, by which a quota is told: of Slurm, Kubernetes, and three clouds.
const AT_CAPACITY: [&str; 9] = [
    "job violates accounting/qos policy",
    "qosmaxsubmitjobperuserlimit",
    "assocmaxsubmitjoblimit",
    "exceeded quota",
    "quota_exceeded",
    "quotaexceeded",
    "zone_resource_pool_exhausted",
    "insufficientinstancecapacity",
    "instancelimitexceeded",
];

/// Parts of messages, in lower case, by which a rate limit is told.
const TOO_OFTEN: [&str; 6] = [
    "slurm temporarily unable to accept job",
    "too many requests",
    "toomanyrequests",
    "requestlimitexceeded",
    "ratelimitexceeded",
    "rate_limit_exceeded",
];

/// The failure of a start whose command has ended with this message.
pub(super) fn start_error(message: String) -> StartError {
    let text = message.to_lowercase();
    let says = |part: &&str| text.contains(*part);
    let at_capacity = AT_CAPACITY.iter().any(says);
    let too_often = TOO_OFTEN.iter().any(says);
    let error = StartError::new(message);
    match (at_capacity, too_often) {
        (true, _) => error.at_capacity(),
        (false, true) => error.retry_after(RATE_LIMIT),
        (false, false) => error,
    }
}

#[cfg(test)]
mod tests {
    use remuda::StartHint;

    use super::*;

    #[test]
    fn quotas_and_rate_limits_are_known_by_what_is_printed() {
        for (message, hint) in [
            (
                "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, …)",
                Some(StartHint::AtCapacity),
            ),
            (
                "Error from server (Forbidden): pods \"a\" is forbidden: exceeded quota: b",
                Some(StartHint::AtCapacity),
            ),
            (
                "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
                Some(StartHint::RetryAfter(RATE_LIMIT)),
            ),
            (
                "An error occurred (RequestLimitExceeded) when calling the RunInstances operation",
                Some(StartHint::RetryAfter(RATE_LIMIT)),
            ),
            ("sbatch: error: invalid partition specified: x", None),
        ] {
            let error = start_error(message.into());
            assert_eq!(error.hint(), hint, "{message}");
            assert_eq!(error.to_string(), message);
        }
    }
}
