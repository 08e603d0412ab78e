//! Other people's sentences in the users' words.

/// Nouns of the runtime, and what users call them.
const WORDS: &[(&str, &str)] = &[
    ("pod", "instance"),
    ("pods", "instances"),
    ("deployment", "workload"),
    ("deployments", "workloads"),
    ("statefulset", "workload"),
    ("statefulsets", "workloads"),
    ("job", "workload"),
    ("jobs", "workloads"),
    ("cronjob", "workload"),
    ("cronjobs", "workloads"),
    ("replicaset", "workload"),
    ("replicasets", "workloads"),
    ("service", "address"),
    ("services", "addresses"),
    ("configmap", "file"),
    ("configmaps", "files"),
    ("secret", "credential"),
    ("secrets", "credentials"),
    ("node", "machine"),
    ("nodes", "machines"),
    ("kubernetes", "platform"),
];

/// `text`, one line of it, with every noun of the runtime replaced. For words of administrators and of the API
/// server that users need to see, such as why a rule of their organisation refuses something.
pub fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let mut output = String::new();
    let mut word = String::new();
    for c in line.chars() {
        if c.is_ascii_alphabetic() {
            word.push(c);
        } else {
            output.push_str(replacement(&word));
            word.clear();
            output.push(c);
        }
    }
    output + replacement(&word)
}

fn replacement(word: &str) -> &str {
    WORDS.iter().find(|(noun, _)| noun.eq_ignore_ascii_case(word)).map_or(word, |(_, plain)| plain)
}
