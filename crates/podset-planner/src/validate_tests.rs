use super::*;

fn trigger(name: &str, created: i64, fields: &str) -> Arc<ScheduleTrigger> {
    let time = Timestamp::from_second(created).unwrap();
    let yaml = format!(
        "{{apiVersion: planner.ciena.io/v1alpha1, kind: ScheduleTrigger, metadata: {{namespace: team, name: {name}, \
         creationTimestamp: '{time}', labels: {{planner.ciena.io/pod-set: web}}}}, spec: {{state: Planning{fields}}}}}"
    );
    Arc::new(serde_yaml_ng::from_str(&yaml).unwrap())
}

fn world(trigger: Arc<ScheduleTrigger>, others: Vec<Arc<ScheduleTrigger>>) -> World {
    World { others, ..World::without_set(trigger, Timestamp::UNIX_EPOCH) }
}

fn settings_of(fields: &str) -> Settings {
    validate(&world(trigger("a", 0, fields), Vec::new())).unwrap().settings
}

fn labelled(quiet: &str) -> Settings {
    let mut trigger = trigger("a", 0, "");
    Arc::make_mut(&mut trigger).labels_mut().insert(LABEL_QUIET_TIME.to_owned(), quiet.to_owned());
    settings(&trigger)
}

/// D16: of several triggers of a set an arbitrary one counted.
#[test]
fn d16_of_several_triggers_the_oldest_governs_and_then_the_first_by_name() {
    let (old, young, twin) = (trigger("z", 1, ""), trigger("a", 2, ""), trigger("b", 2, ""));
    let conflict = |winner: &str| Some(Refusal::Conflict(winner.to_owned()));
    let of = |one: &Arc<ScheduleTrigger>, others: [&Arc<ScheduleTrigger>; 2]| {
        validate(&world(one.clone(), others.map(Arc::clone).into())).err()
    };
    assert_eq!(of(&old, [&young, &twin]), None);
    assert_eq!(of(&young, [&twin, &old]), conflict("z"));
    assert_eq!(of(&twin, [&young, &old]), conflict("z"));
    let mut leaving = old.clone();
    Arc::make_mut(&mut leaving).metadata.deletion_timestamp = old.metadata.creation_timestamp.clone();
    assert_eq!(of(&young, [&twin, &leaving]), None);
    assert_eq!(of(&twin, [&young, &leaving]), conflict("a"));
}

#[test]
fn a_trigger_without_the_label_governs_nothing() {
    let mut trigger = trigger("a", 0, "");
    Arc::make_mut(&mut trigger).metadata.labels = None;
    assert_eq!(validate(&world(trigger, Vec::new())).err(), Some(Refusal::NoPodSet));
}

#[test]
fn a_trigger_of_old_means_what_it_meant() {
    let settings = settings_of("");
    assert_eq!(settings.automatic, Ok(Automatic::default()));
    assert_eq!((settings.min_members, settings.gang, settings.pin), (0, None, true));
    let quiet = labelled("2m0s").automatic.unwrap();
    assert_eq!(quiet, Automatic { quiet: Some(Duration::from_secs(120)), max_wait: None });
}

#[test]
fn the_field_comes_before_the_label() {
    let mut trigger = trigger("a", 0, ", quietTime: 5s");
    Arc::make_mut(&mut trigger).labels_mut().insert(LABEL_QUIET_TIME.to_owned(), "nonsense".to_owned());
    assert_eq!(settings(&trigger).automatic.unwrap().quiet, Some(Duration::from_secs(5)));
}

#[test]
fn what_is_asked_for_is_read() {
    let settings = settings_of(
        ", minMembers: 3, maxWait: 1h, atomicity: Gang, gangTimeout: 90s, strategy: Pack, enforcement: Nominate",
    );
    assert_eq!(settings.automatic.unwrap().max_wait, Some(Duration::from_secs(3600)));
    assert_eq!(settings.gang, Some(Gang { timeout: Some(Duration::from_secs(90)) }));
    assert_eq!((settings.min_members, settings.pin), (3, false));
    assert!(matches!(settings.strategy, pod_planner::Strategy::Pack));
}

#[test]
fn a_gang_that_is_to_be_bound_in_no_time_has_no_limit_and_its_trigger_says_so() {
    for text in ["'0'", "0s", "0h0m"] {
        let settings = settings_of(&format!(", atomicity: Gang, gangTimeout: {text}"));
        assert_eq!(settings.gang, Some(Gang { timeout: None }), "{text}");
        let message = settings.automatic.unwrap_err();
        assert!(message.starts_with("spec.gangTimeout: ") && message.contains("a longer time"), "{message}");
    }
}

#[test]
fn a_duration_that_cannot_be_read_is_named_with_its_place() {
    for (settings, place) in [
        (labelled("2x"), "the label planner.ciena.io/quiet-time"),
        (settings_of(", quietTime: 9999999h"), "spec.quietTime"),
        (settings_of(", quietTime: 1s, maxWait: -1s"), "spec.maxWait"),
        (settings_of(", quietTime: 1s, atomicity: Gang, gangTimeout: x"), "spec.gangTimeout"),
    ] {
        let message = settings.automatic.unwrap_err();
        assert!(message.starts_with(place) && message.contains("write hours"), "{message}");
    }
}
