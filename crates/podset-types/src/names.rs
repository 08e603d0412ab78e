//! Labels, the gate, and the names of plans.

use sha2::{Digest as _, Sha256};

/// On a pod the set that it is a member of, on a trigger the set that it governs, on a plan the set that it is of.
pub const LABEL_POD_SET: &str = "planner.ciena.io/pod-set";
/// On a trigger: the quiet time as a Go duration. `spec.quietTime` comes first.
pub const LABEL_QUIET_TIME: &str = "planner.ciena.io/quiet-time";
/// The scheduling gate that holds a member until it is released.
pub const GATE: &str = "planner.ciena.io/pod-set";
/// On a Service whose value is [`PLANNER_ENABLED`]: it plans the sets for which there is no Service in particular.
pub const LABEL_DEFAULT_PLANNER: &str = "planner.ciena.io/default";
/// The value of [`LABEL_DEFAULT_PLANNER`] and of [`planner_label`].
pub const PLANNER_ENABLED: &str = "enabled";
/// The name of the port of such a Service where plans are asked for by gRPC.
pub const PLANNER_PORT_NAME: &str = "grpc";
/// The port, if none has that name.
pub const PLANNER_PORT: u16 = 7309;
/// The scheduler that manifests ask for. The admission policy of the chart replaces it by the cluster's own; without the
/// policy it is a scheduler that asks the planner's extender where a pod may go.
pub const SCHEDULER: &str = "podset-planner-scheduler";

/// The characters of Kubernetes' `rand.SafeEncodeString`: no vowels and nothing that looks like one.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many digits a derived name ends with: more than the other form ever has, so that no name is of both forms.
const DERIVED_DIGITS: usize = 16;

/// The name of the plan of `pod_set` in `namespace`, two that are the values of a label and of `metadata.namespace`.
///
/// It is `<pod set>-<hash>`, where the hash is FNV-1a (32 bits) of namespace and set, in decimal, each digit by
/// `rand.SafeEncodeString`. A set whose value cannot be part of an object's name, such as `My_Set`, has a name derived
/// from it instead, with a hash that also tells `My_Set` from `my-set`.
pub fn plan_name(namespace: &str, pod_set: &str) -> String {
    if is_subdomain(pod_set) {
        format!("{pod_set}-{}", safe_encode(&fnv1a(namespace.bytes().chain(pod_set.bytes())).to_string()))
    } else {
        let digest = Sha256::digest(format!("{namespace}/{pod_set}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}", readable(pod_set), hex.get(..DERIVED_DIGITS).unwrap_or(&hex))
    }
}

/// The label of a Service that plans `pod_set` in particular: `planner.ciena.io/<set>`.
///
/// None for the sets `default`, `pod-set` and `quiet-time`: a label of that name says something else. Whatever else can
/// be the value of a label can be the name of one.
pub fn planner_label(pod_set: &str) -> Option<String> {
    let label = format!("planner.ciena.io/{pod_set}");
    let is_taken = [LABEL_DEFAULT_PLANNER, LABEL_POD_SET, LABEL_QUIET_TIME].contains(&label.as_str());
    (!is_taken && !pod_set.is_empty()).then_some(label)
}

/// FNV-1a with 32 bits, as Go's `fnv.New32a`.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn safe_encode(text: &str) -> String {
    text.bytes()
        .filter_map(|byte| SAFE.get(usize::from(byte) % SAFE.len()))
        .map(|byte| char::from(*byte))
        .collect()
}

/// Whether `text` followed by `-<hash>` is the name of an object: a lowercase RFC 1123 subdomain.
fn is_subdomain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let part = |part: &str| !part.is_empty() && part.chars().all(inner) && !part.starts_with('-');
    // The last part goes on with the hash, so only those before it must not end with a dash.
    text.split('.').all(part) && !text.contains("-.")
}

/// What of `text` may stand in a name.
fn readable(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    let trimmed = text.trim_matches('-');
    if trimmed.is_empty() { "pod-set".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_plan_of_the_quick_start_has_its_name() {
        assert_eq!(plan_name("default", "planner-podset"), "planner-podset-d4cd7dc68");
    }

    #[test]
    fn hashes_are_those_of_go() {
        // The test vectors of the FNV authors.
        for (text, hash) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv1a(text.bytes()), hash, "{text}");
        }
        assert_eq!(safe_encode("0123456789"), "456789bcdf");
    }

    /// D16: a label value may hold what the name of an object may not.
    #[test]
    fn d16_every_label_value_has_a_plan_name_that_is_an_object_name() {
        for set in [
            "a",
            "A",
            "a.b",
            "a..b",
            "a.-b",
            "a-.b",
            "My_Set",
            "my-set",
            "my_set",
            "0",
            "",
            "X__x",
            &"Z".repeat(63),
        ] {
            let name = plan_name("team", set);
            assert!(name.len() <= 253 && is_subdomain(&name) && !name.ends_with('-'), "{set}: {name}");
        }
    }

    /// D16: a set named like a label of ours made any Service with that label its planner.
    #[test]
    fn d16_a_set_that_is_named_like_another_label_has_no_planner_in_particular() {
        assert_eq!(planner_label("web").as_deref(), Some("planner.ciena.io/web"));
        for set in ["default", "pod-set", "quiet-time", ""] {
            assert_eq!(planner_label(set), None, "{set}");
        }
    }

    /// D16: namespace and set are hashed without a separator, which does no harm within one namespace.
    #[test]
    fn d16_sets_of_one_namespace_have_different_plan_names() {
        let sets = ["a", "A", "a-", "my-set", "my_set", "My_Set", "MY-SET", "my.set", "my..set", "b"];
        let names: BTreeSet<_> = sets.iter().map(|set| plan_name("team", set)).collect();
        assert_eq!(names.len(), sets.len());
    }
}
