//! The command line: files in, a stream of Workloads out.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use api_types::Workload;
use thiserror::Error;

use crate::output::{OutputError, to_yaml};
use crate::schema::SchemaError;
use crate::{Converter, Image, Problem, Settings, find};

/// Turns Score files into Workloads, and prints them for `kubectl apply --filename -`.
///
/// Files beside a Score file that it names are put into the Workload. Every error is told with file, line and path;
/// then nothing is printed, and the exit status is 1.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "score-convert", version)]
pub struct Args {
    /// Score files, and folders in which to look for them.
    #[arg(required = true, value_name = "FILE_OR_FOLDER")]
    pub paths: Vec<PathBuf>,
    /// The image of containers whose image is `.`: for all of them, for those of one name, or for one of a Workload.
    #[arg(long = "image", value_name = "[[WORKLOAD/]CONTAINER=]IMAGE")]
    pub images: Vec<Image>,
    /// The namespace of the Workloads; that of the kubectl context where there is none.
    #[arg(long)]
    pub namespace: Option<String>,
    /// The platform profile to run with; the platform chooses where there is none.
    #[arg(long)]
    pub profile: Option<String>,
    /// Print the names of the Score files that were found, one a line, and convert nothing.
    #[arg(long)]
    pub list: bool,
}

/// Why nothing could be converted at all.
#[derive(Debug, Error)]
pub enum CliError {
    /// A file or a folder cannot be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A folder without Score files.
    #[error("no Score file below {}: a Score file ends in .yaml or .yml and says apiVersion: score.dev/v1b1", .0.display())]
    NothingFound(PathBuf),
    /// A defect of this program: an expression that finds Score files.
    #[error("a pattern is no regular expression")]
    Pattern(#[from] regex::Error),
    /// A defect of this program: the schema of the Workload kind.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A Workload that cannot be written.
    #[error("a Workload cannot be written as YAML")]
    Yaml(#[from] OutputError),
}

/// What to print, and whether everything was converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// For other programs: Workloads, or names of files.
    pub stdout: String,
    /// For people: errors and notes.
    pub stderr: String,
    /// Whether there was no error.
    pub is_complete: bool,
}

impl Args {
    /// Does what the arguments ask.
    ///
    /// # Errors
    /// Something cannot be read, or there is no Score file.
    pub fn run(self) -> Result<Report, CliError> {
        let found = find::find(&self.paths)?;
        let notes = found.skipped.iter().map(|path| {
            format!("note: {}: is left out, since it holds Kubernetes objects\n", path.display())
        });
        let notes: String = notes.collect();
        if self.list {
            let names = found.files.iter().map(|(path, _)| format!("{}\n", path.display()));
            return Ok(Report { stdout: names.collect(), stderr: notes, is_complete: true });
        }
        let settings = Settings { namespace: self.namespace, profile: self.profile, images: self.images };
        let (workloads, problems) = converted(&found.files, &Converter::new(settings)?);
        let is_complete = problems.is_empty();
        let errors: String = problems.iter().map(|problem| format!("error: {problem}\n")).collect();
        let stdout = if is_complete { to_yaml(&workloads)? } else { String::new() };
        Ok(Report { stdout, stderr: notes + &errors, is_complete })
    }
}

fn converted(files: &[(PathBuf, String)], converter: &Converter) -> (Vec<Workload>, Vec<Problem>) {
    let (mut workloads, mut problems) = (Vec::new(), Vec::new());
    let mut named: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for (file, text) in files {
        match converter.convert(file, text, |path| fs::read(path)) {
            Ok(of_file) => {
                for workload in of_file {
                    problems.extend(again(&workload, file, &mut named));
                    workloads.push(workload);
                }
            }
            Err(of_file) => problems.extend(of_file),
        }
    }
    (workloads, problems)
}

/// Of two Workloads of one name the second would take the place of the first.
fn again<'a>(
    workload: &Workload,
    file: &'a PathBuf,
    named: &mut BTreeMap<String, &'a PathBuf>,
) -> Option<Problem> {
    let name = workload.metadata.name.clone().unwrap_or_default();
    let Some(first) = named.get(&name) else {
        named.insert(name, file);
        return None;
    };
    Some(Problem {
        file: file.clone(),
        line: None,
        path: "metadata.name".to_owned(),
        message: format!(
            "{name:?} is also the name of a Workload of {}: rename one, or convert them separately for different \
             namespaces",
            first.display()
        ),
    })
}
