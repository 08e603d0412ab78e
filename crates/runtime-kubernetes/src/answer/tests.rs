use super::*;
use crate::observe::Failing;

const SHORT: Duration = Duration::from_secs(3);

fn underway(available: bool) -> Health {
    Health::Underway(Underway { available, ..Underway::default() })
}

fn said(decision: Decision) -> (Reason, String) {
    match decision {
        Decision::Say(verdict) => (verdict.reason, verdict.message),
        Decision::Wait(rest) => panic!("waits for {rest:?}"),
    }
}

fn identity() -> Identity {
    Identity {
        namespace: "team-a".into(),
        name: "hello".into(),
        uid: "plan-uid".into(),
        generation: 3,
        workload_uid: "workload-uid".into(),
    }
}

#[test]
fn a_smooth_roll_out_is_one_answer() {
    assert_eq!(decide(underway(false), Said::Nothing, Duration::ZERO), Decision::Wait(GRACE));
    assert_eq!(decide(underway(true), Said::Nothing, SHORT), Decision::Wait(GRACE - SHORT));
    assert_eq!(said(decide(Health::Running, Said::Nothing, Duration::ZERO)).0, Reason::Succeeded);
}

#[test]
fn a_roll_out_that_takes_longer_is_provisioning() {
    let (reason, message) = said(decide(underway(false), Said::Nothing, GRACE));
    assert_eq!((reason, message.as_str()), (Reason::RuntimeProvisioning, messages::UNDERWAY));
}

#[test]
fn what_it_waits_for_is_told_if_known() {
    let health = Health::Underway(Underway { hint: Some("for this".into()), ..Underway::default() });
    assert_eq!(said(decide(health, Said::Nothing, GRACE)), (Reason::RuntimeProvisioning, "for this".into()));
}

#[test]
fn a_failure_is_told_at_once() {
    let failing = Failing { reason: Reason::QuotaExceeded, message: "full".into(), again: Some(SHORT) };
    let decision = decide(Health::Failing(failing), Said::Nothing, Duration::ZERO);
    let Decision::Say(verdict) = decision else { panic!("{decision:?}") };
    assert_eq!((verdict.reason, verdict.again), (Reason::QuotaExceeded, Some(SHORT)));
    assert!(!verdict.ready());
}

#[test]
fn a_workload_that_ran_and_serves_no_more_is_degraded_at_once() {
    assert_eq!(said(decide(underway(false), Said::Ready, Duration::ZERO)).0, Reason::RuntimeDegraded);
}

#[test]
fn a_workload_that_is_scaled_up_stays_ready_for_a_while() {
    assert_eq!(decide(underway(true), Said::Ready, SHORT), Decision::Wait(GRACE - SHORT));
    assert_eq!(said(decide(underway(true), Said::Ready, GRACE)).0, Reason::RuntimeDegraded);
}

#[test]
fn a_workload_of_which_a_part_runs_is_not_said_not_to_run() {
    let overdue = Health::Underway(Underway { available: true, overdue: true, ..Underway::default() });
    for (health, message) in [
        (underway(true), messages::INCOMPLETE),
        (underway(false), messages::UNAVAILABLE),
        (overdue, messages::PARTLY_OVERDUE),
    ] {
        let (reason, said) = said(decide(health, Said::Ready, GRACE));
        assert_eq!((reason, said.as_str()), (Reason::RuntimeDegraded, message));
    }
}

#[test]
fn instances_that_are_missing_for_too_long_are_overdue_and_looked_for_then() {
    let missing = || Health::Underway(Underway { missing: true, ..Underway::default() });
    let decision = decide(missing(), Said::Other, GRACE);
    let Decision::Say(verdict) = decision else { panic!("{decision:?}") };
    let expected = (Reason::RuntimeProvisioning, Some(PROGRESS_DEADLINE - GRACE));
    assert_eq!((verdict.reason, verdict.again), expected);
    assert_eq!(said(decide(missing(), Said::Other, PROGRESS_DEADLINE)).0, Reason::RuntimeDegraded);
}

#[test]
fn after_a_failure_the_way_up_is_not_told_before_it_lasts() {
    for before in [Said::Degraded, Said::Other] {
        assert_eq!(decide(underway(false), before, SHORT), Decision::Wait(GRACE - SHORT));
    }
    assert_eq!(said(decide(underway(false), Said::Degraded, GRACE)).0, Reason::RuntimeDegraded);
    assert_eq!(said(decide(underway(false), Said::Other, GRACE)).0, Reason::RuntimeProvisioning);
}

#[test]
fn what_runs_to_its_end_is_provisioning_until_then_whatever_was_before() {
    let health = || {
        let again = Some(SHORT);
        Health::Underway(Underway { expected: true, again, ..Underway::default() })
    };
    for before in [Said::Nothing, Said::Ready, Said::Degraded, Said::Other] {
        assert_eq!(decide(health(), before, SHORT), Decision::Wait(GRACE - SHORT));
        let decision = decide(health(), before, GRACE);
        let Decision::Say(verdict) = decision else { panic!("{decision:?}") };
        assert_eq!((verdict.reason, verdict.again), (Reason::RuntimeProvisioning, Some(SHORT)));
    }
}

#[test]
fn what_ended_well_or_waits_for_its_time_is_ready() {
    for (health, message) in [
        (Health::Completed, messages::COMPLETED),
        (Health::Scheduled { ran: true }, messages::SCHEDULED),
        (Health::Scheduled { ran: false }, messages::NOT_RUN_YET),
    ] {
        assert_eq!(
            said(decide(health, Said::Nothing, Duration::ZERO)),
            (Reason::Succeeded, message.to_owned())
        );
    }
}

#[test]
fn what_completed_is_still_known_when_something_else_is_said() {
    let current = WorkloadExposureStatus { completed_run: Some("run".into()), ..Default::default() };
    let status = status(
        &identity(),
        &verdict(Reason::ProjectionError),
        Vec::new(),
        Some(&current),
        Timestamp::UNIX_EPOCH,
    );
    assert_eq!(status.completed_run.as_deref(), Some("run"));
}

#[test]
fn a_roll_out_that_is_overdue_is_degraded() {
    let health = Health::Underway(Underway { overdue: true, ..Underway::default() });
    assert_eq!(said(decide(health, Said::Other, GRACE)), (Reason::RuntimeDegraded, messages::OVERDUE.into()));
}

fn verdict(reason: Reason) -> Verdict {
    Verdict { reason, message: "m".into(), again: None }
}

#[test]
fn what_was_said_counts_only_for_the_generation_at_hand() {
    let now = Timestamp::UNIX_EPOCH;
    for (reason, expected) in [
        (Reason::Succeeded, Said::Ready),
        (Reason::RuntimeDegraded, Said::Degraded),
        (Reason::QuotaExceeded, Said::Other),
    ] {
        let status = status(&identity(), &verdict(reason), Vec::new(), None, now);
        assert_eq!(Said::of(Some(&status), 3), expected);
        assert_eq!(Said::of(Some(&status), 4), Said::Nothing);
    }
    assert_eq!(Said::of(None, 3), Said::Nothing);
}

#[test]
fn the_answer_names_the_generation_of_the_plan_and_is_equal_when_said_again() {
    let first = status(&identity(), &verdict(Reason::Succeeded), Vec::new(), None, Timestamp::UNIX_EPOCH);
    assert_eq!(first.observed_plan_generation, Some(3));
    let condition = &first.conditions[0];
    assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("RuntimeReady", "True"));
    assert_eq!((condition.reason.as_str(), condition.observed_generation), ("Succeeded", Some(3)));
    let later = Timestamp::from_second(99).unwrap();
    assert_eq!(status(&identity(), &verdict(Reason::Succeeded), Vec::new(), Some(&first), later), first);
}
