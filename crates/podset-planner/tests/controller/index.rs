//! The lists of what is tried, in `docs/pod-sets-original.md` and `e2e/README.md`, name tests that there are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all functions in the Rust files below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// The rows of the table of `page` whose first cell is `id`, and the tests that they name: what is in backticks and looks
/// like a sentence.
fn tests_of(page: &str, id: &str) -> Option<Vec<String>> {
    let row = page.lines().find(|line| line.starts_with(&format!("| {id} |")))?;
    let quoted = row.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| word.matches('_').count() > 3 && !word.contains(['.', '/', ' ']);
    Some(quoted.filter(is_test).map(str::to_owned).collect())
}

fn check(page: &str, ids: impl Iterator<Item = String>, without_test: &[&str]) {
    let text = fs::read_to_string(repository().join(page)).unwrap();
    let mut known = BTreeSet::new();
    for folder in ["crates", "e2e"] {
        functions(&repository().join(folder), &mut known);
    }
    for id in ids {
        let tests = tests_of(&text, &id).unwrap_or_else(|| panic!("{page} says nothing of {id}"));
        assert_eq!(tests.is_empty(), without_test.contains(&id.as_str()), "{page}: {id} names {tests:?}");
        for test in tests {
            assert!(known.contains(&test), "{page}: {id} names {test}, which is not there");
        }
    }
}

#[test]
fn every_defect_of_the_original_has_tests_or_cannot_be() {
    let ids = (1..=16).map(|number| format!("D{number}")).chain((1..=7).map(|number| format!("S{number}")));
    check("docs/pod-sets-original.md", ids, &["S5", "S6"]);
}

#[test]
fn everything_that_only_a_real_scheduler_shows_has_tests() {
    check("e2e/README.md", (1..=13).map(|number| number.to_string()), &[]);
}
