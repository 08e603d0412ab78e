//! The annotations that become one value each.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use score_spec::path::FieldPath;
use serde_json::{Value, json};

use crate::{document, errors::Errors, names::is_object_name, reader::Node};

pub(super) const KIND: &str = "score.dev/kind";
pub(super) const REPLICAS: &str = "score.dev/replicas";
pub(super) const AUTOSCALING: &str = "score.dev/autoscaling";
pub(super) const SCHEDULE: &str = "score.dev/schedule";
pub(super) const PROBES: &str = "score.dev/probes";

type Read = fn(&str, &FieldPath, &mut Errors) -> Option<Value>;

/// Each annotation, the value that it becomes, and how it is read.
const FIELDS: [(&str, &str, Read); 11] = [
    (KIND, "kind", kind),
    (REPLICAS, "replicas", |text, path, errors| integer(text, 0, path, errors)),
    (AUTOSCALING, "autoscaling", autoscaling),
    (SCHEDULE, "schedule", schedule),
    ("score.dev/time-zone", "timeZone", time_zone),
    ("score.dev/concurrency-policy", "concurrencyPolicy", concurrency_policy),
    ("score.dev/completions", "completions", |text, path, errors| integer(text, 1, path, errors)),
    ("score.dev/parallelism", "parallelism", |text, path, errors| integer(text, 1, path, errors)),
    ("score.dev/backoff-limit", "backoffLimit", |text, path, errors| integer(text, 0, path, errors)),
    ("score.dev/active-deadline-seconds", "activeDeadlineSeconds", |text, path, errors| {
        integer(text, 1, path, errors)
    }),
    (super::SERVICE_ACCOUNT, "serviceAccountName", service_account),
];

/// The annotations that are read here.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(key, _, _)| *key)
}

pub(super) fn is_known(key: &str) -> bool {
    known().any(|known| known == key)
}

/// The annotation that a value comes from.
pub(crate) fn annotation_of(value: &str) -> Option<&'static str> {
    FIELDS.iter().find(|(_, name, _)| *name == value).map(|(key, _, _)| *key)
}

/// The name of the value that an annotation becomes, and the value.
pub(super) fn value(key: &str, text: &str, path: &FieldPath, errors: &mut Errors) -> Option<(String, Value)> {
    let (_, name, read) = FIELDS.iter().find(|(known, _, _)| *known == key)?;
    Some(((*name).to_owned(), read(text, path, errors)?))
}

/// Names separated by commas.
pub(super) fn names<T>(text: &str, path: &FieldPath, errors: &mut Errors) -> BTreeSet<T>
where
    T: FromStr<Err: Display> + Ord,
{
    text.split(',').filter_map(|name| errors.keep(name.trim().parse(), path)).collect()
}

fn kind(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    let kind: Result<super::Kind, _> = text.parse();
    errors.keep(kind, path).map(|kind| json!(kind.to_string()))
}

fn integer(text: &str, least: i32, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    let number = text.parse::<i32>().ok().filter(|number| *number >= least);
    errors
        .keep(number.ok_or_else(|| format!("must be a whole number of at least {least}: correct it")), path)
        .map(Value::from)
}

fn autoscaling(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    map(text, path, errors, |node, errors| {
        node.fields(errors, |fields, errors| {
            let mut number = |name| {
                let node: Node<'_> = fields.optional(name)?;
                let number = node.integer(errors)?;
                if !(1..=i64::from(i32::MAX)).contains(&number) {
                    errors.add(&node.path, "must be at least 1: correct it");
                }
                Some(number)
            };
            let (least, most) = (number("minReplicas").unwrap_or(1), number("maxReplicas"));
            let target = number("targetCPUUtilizationPercentage");
            fields.required("maxReplicas", errors);
            let most = most?;
            if most < least {
                errors.add(
                    &fields.path_of("maxReplicas"),
                    format_args!("is below minReplicas ({least}): correct one of them"),
                );
            }
            let mut value = json!({"minReplicas": least, "maxReplicas": most});
            if let Some(target) = target {
                value["targetCPUUtilizationPercentage"] = target.into();
            }
            Some(value)
        })
    })
}

/// What an annotation holds in YAML, of which JSON is a part.
pub(super) fn map<T>(
    text: &str,
    path: &FieldPath,
    errors: &mut Errors,
    read: impl FnOnce(&Node<'_>, &mut Errors) -> Option<T>,
) -> Option<T> {
    let message = |error| format!("must be a map in YAML or JSON: {error}");
    let documents = errors.keep(document::parse_all(text).map_err(message), path)?;
    let value = documents.first().map_or(&Value::Null, |document| &document.value);
    read(&Node { value, path: path.clone() }, errors)
}

/// What Kubernetes takes, which is less than the library does: five fields, names, ranges, steps, `?`, or a word such
/// as `@daily`.
fn schedule(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    const WORDS: [&str; 7] =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let fields: Vec<_> = text.split_whitespace().collect();
    let extended = |field: &str| {
        field.chars().any(|c| !c.is_ascii_alphanumeric() && !"*,-/?".contains(c)) || is_last_or_nearest(field)
    };
    let result = match fields.as_slice() {
        [word] if WORDS.contains(word) => Ok(()),
        [_, _, _, _, days] if has_seventh_day(days) => {
            Err("days of the week are 0 to 6: write 0 for Sunday".to_owned())
        }
        [_, _, _, _, _] if !fields.iter().any(|field| extended(field)) => by_cron(&fields),
        _ => Err(String::new()),
    };
    let message = |why: String| {
        let why = if why.is_empty() { why } else { format!(" ({why})") };
        format!(
            "must be five fields of cron, such as `*/5 * * * *`, or a word such as @daily{why}: correct it"
        )
    };
    errors.keep(result.map_err(message), path).map(|()| text.trim().into())
}

/// The library takes no step that leads out of its field, which Kubernetes does: then the first time alone counts.
fn by_cron(fields: &[&str]) -> Result<(), String> {
    let bases: Option<Vec<String>> = fields.iter().map(|field| without_steps(field)).collect();
    let bases = bases.ok_or("a step must be a whole number of at least 1")?;
    let standard = bases.join(" ").replace('?', "*");
    cronexpr::parse_crontab(&format!("{standard} UTC")).map(drop).map_err(|error| first_line(&error))
}

/// The field without its steps, such as the `/5` of `*/5`; none if one of them is no step, or of nothing.
fn without_steps(field: &str) -> Option<String> {
    let parts = field.split(',').map(|part| match part.split_once('/') {
        Some((base, step)) => {
            let is_step = step.parse::<u32>().is_ok_and(|step| step > 0);
            (is_step && !base.is_empty()).then_some(base)
        }
        None => Some(part),
    });
    Some(parts.collect::<Option<Vec<&str>>>()?.join(","))
}

/// Whether a field of days of the week names day 7, which is Sunday for others than Kubernetes.
fn has_seventh_day(field: &str) -> bool {
    let bases = field.split(',').map(|part| part.split_once('/').map_or(part, |(base, _)| base));
    bases.flat_map(|base| base.split('-')).any(|day| day.parse::<u8>() == Ok(7))
}

/// `L` and `W`, which other schedulers know; the names of days and months hold them too.
fn is_last_or_nearest(field: &str) -> bool {
    let is_extension = |part: &str| {
        let part = part.trim_start_matches(|c: char| c.is_ascii_digit());
        matches!(part.to_ascii_uppercase().as_str(), "L" | "W" | "LW")
    };
    field.split([',', '-', '/']).any(is_extension)
}

fn first_line(error: &impl Display) -> String {
    let text = error.to_string();
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.trim_start_matches(['^', ' ', '~']).to_owned()
}

/// By the database that is part of this program, so that the verdict is the same on every machine. It finds a name in
/// any case, and Kubernetes does not.
fn time_zone(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    let found = TimeZoneDatabase::bundled().get(text).ok();
    let result = match found.as_ref().and_then(TimeZone::iana_name) {
        Some(name) if name == text => Ok(()),
        Some(name) => Err(format!("must be written `{name}`: correct it")),
        None => Err("must be the name of a time zone, such as Europe/Berlin: correct it".to_owned()),
    };
    errors.keep(result, path).map(|()| text.into())
}

fn concurrency_policy(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    let known = ["Allow", "Forbid", "Replace"].contains(&text);
    let message = "must be one of `Allow`, `Forbid`, `Replace`: correct it";
    errors.keep(known.then_some(()).ok_or(message), path).map(|()| text.into())
}

/// A DNS subdomain, as every name of its kind is.
fn service_account(text: &str, path: &FieldPath, errors: &mut Errors) -> Option<Value> {
    let message = "must be a name of a-z, 0-9, - and ., such as `web`: correct it";
    errors.keep(is_object_name(text).then_some(()).ok_or(message), path).map(|()| text.into())
}
