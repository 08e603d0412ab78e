//! Sentences about what runs to its end.

/// It ran to its end.
pub const COMPLETED: &str = "The workload ran to its end. It runs again when it is changed.";
/// It is on its way there.
pub const RUNS_TO_ITS_END: &str =
    "The workload runs and has not come to its end yet: wait, or look at what its containers print.";
/// It runs at its times, and did so.
pub const SCHEDULED: &str = "The workload runs at the times of its schedule, and completed the last time.";
/// It runs at its times, of which none has come yet.
pub const NOT_RUN_YET: &str = "The workload runs at the times of its schedule, of which none has come yet.";
/// What it ran as before still does.
pub const FORMER_RUNS: &str = "A run of an earlier version of the workload has not come to its end yet: wait, or set the annotation \
     `score.dev/concurrency-policy` to `Replace`, and it is ended at the next time of the schedule.";
/// Somebody stopped it from starting.
pub const SUSPENDED: &str = "The workload was suspended by somebody on the platform and does not run: ask your platform team to resume it.";

/// It was given up for `reason`; `cause` is what went wrong in it last.
pub fn run_failed(reason: Option<&str>, cause: Option<String>) -> String {
    format!("{} It is not tried again before the workload is changed.", failed(reason, cause))
}

/// As [`run_failed`], of one that its schedule starts again.
pub fn last_run_failed(reason: Option<&str>, cause: Option<String>) -> String {
    format!("{} It runs again at the next time of its schedule.", failed(reason, cause))
}

/// It failed once, and is tried again.
pub fn tried_again(cause: String) -> String {
    format!("The workload failed and is tried again. {cause}")
}

fn failed(reason: Option<&str>, cause: Option<String>) -> String {
    let cause = cause.unwrap_or_else(|| "Look at what its containers print.".into());
    match reason {
        Some("DeadlineExceeded") => "The workload did not come to its end in the time that it has: make it faster, or \
                                     give it more time with the annotation `score.dev/active-deadline-seconds`."
            .into(),
        Some("BackoffLimitExceeded") => format!(
            "The workload failed as often as it may (annotation `score.dev/backoff-limit`). {cause}"
        ),
        _ => format!("The workload failed. {cause}"),
    }
}
