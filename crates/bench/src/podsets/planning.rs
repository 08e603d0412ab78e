//! What the planning library's own benchmark has found: `cargo bench -p pod-planner`.

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::BenchError;

/// How long it takes to plan a set, and how much memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Planning {
    /// What the pods are like; see the benchmark.
    pub(crate) set: String,
    /// How many there are.
    pub(crate) pods: u32,
    /// On how many nodes.
    pub(crate) nodes: u32,
    /// For one plan, on average.
    pub(crate) seconds: f64,
    /// By how much the memory of a process grows for it at most.
    pub(crate) peak_mebibytes: Option<f64>,
}

/// What the benchmark leaves for each case, as far as it is read: nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// What is in `folder`, sorted by set and size.
pub(crate) fn read(folder: &Path) -> Result<Vec<Planning>, BenchError> {
    let output = folder.join("output.log");
    let output = read_to_string(&output).map_err(|source| BenchError::File { path: output, source })?;
    let memory: BTreeMap<_, _> = output.lines().filter_map(memory).collect();
    let mut all = Vec::new();
    for set in folders(&folder.join("criterion/plan"))? {
        for case in folders(&set)? {
            let Some((pods, nodes)) = size(&name(&case)) else { continue };
            let seconds = seconds(&case.join("new/estimates.json"))?;
            let (set, case) = (name(&set), name(&case));
            let peak_mebibytes = memory.get(format!("plan/{set}/{case}").as_str()).copied();
            all.push(Planning { set, pods, nodes, seconds, peak_mebibytes });
        }
    }
    all.sort_by(|one, other| (&one.set, one.pods, one.nodes).cmp(&(&other.set, other.pods, other.nodes)));
    if all.is_empty() {
        return Err(BenchError::Shape(format!("no plan was timed in {}", folder.display())));
    }
    Ok(all)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let failed = |source| BenchError::File { path: folder.to_owned(), source };
    let entries: Vec<_> = read_dir(folder).and_then(Iterator::collect).map_err(failed)?;
    let entries = entries.into_iter().map(|entry: std::fs::DirEntry| entry.path());
    Ok(entries.filter(|path| path.is_dir()).collect())
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Pods and nodes of `<pods>x<nodes>`; other folders are no cases.
fn size(case: &str) -> Option<(u32, u32)> {
    let (pods, nodes) = case.split_once('x')?;
    Some((pods.parse().ok()?, nodes.parse().ok()?))
}

fn seconds(path: &Path) -> Result<f64, BenchError> {
    let text = read_to_string(path).map_err(|source| BenchError::File { path: path.to_owned(), source })?;
    let estimates: Estimates = serde_json::from_str(&text)
        .map_err(|error| BenchError::Shape(format!("{}: {error}", path.display())))?;
    Ok(estimates.mean.point_estimate / 1e9)
}

/// Case and mebibytes of a line such as `plan/alike/1000x500: 1000 of 1000 placed, peak memory 5 MiB`.
fn memory(line: &str) -> Option<(&str, f64)> {
    let (case, rest) = line.split_once(": ")?;
    let (_, peak) = rest.split_once("peak memory ")?;
    Some((case, peak.strip_suffix(" MiB")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    /// A folder as the benchmark leaves it, with these cases.
    fn folder(test: &str, cases: &[(&str, f64)], output: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("score-bench-{test}-{}", std::process::id()));
        create_dir_all(folder.join("criterion/plan/alike/report")).unwrap();
        for (case, nanoseconds) in cases {
            let new = folder.join("criterion/plan").join(case).join("new");
            create_dir_all(&new).unwrap();
            let estimates = format!(r#"{{"mean": {{"point_estimate": {nanoseconds}}}, "slope": null}}"#);
            write(new.join("estimates.json"), estimates).unwrap();
        }
        write(folder.join("output.log"), output).unwrap();
        folder
    }

    #[test]
    fn times_and_memory_are_found_by_set_and_size() {
        let cases = [("mixed/1000x500", 2.5e8), ("alike/1000x500", 5e6), ("alike/250x125", 1e6)];
        let output =
            "plan/mixed/1000x500: 990 of 1000 placed, peak memory 12 MiB\nplan/mixed/1000x500\ntime: [1 s]";
        let folder = folder("found", &cases, output);
        let all = read(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        let found: Vec<_> = all.iter().map(|one| (one.set.as_str(), one.pods, one.nodes)).collect();
        assert_eq!(found, [("alike", 250, 125), ("alike", 1000, 500), ("mixed", 1000, 500)]);
        assert_eq!((all[2].seconds, all[2].peak_mebibytes), (0.25, Some(12.0)));
        assert_eq!(all[0].peak_mebibytes, None);
    }

    #[test]
    fn a_folder_without_results_is_refused() {
        let folder = folder("empty", &[], "");
        let error = read(&folder).unwrap_err().to_string();
        std::fs::remove_dir_all(folder).unwrap();
        assert!(error.starts_with("no plan was timed in "), "{error}");
    }
}
