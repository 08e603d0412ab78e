//! The Score files among what a user names.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use regex::Regex;

use crate::cli::CliError;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Score files, each with its text.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Files of a folder that say `score.dev` and are no Score files.
    pub(crate) skipped: Vec<PathBuf>,
}

/// What makes a file in a folder a Score file.
struct Marks {
    score: Regex,
    kubernetes: Regex,
}

/// Reads every file, and every Score file below every folder, in the order of their names.
///
/// A Score file is a `.yaml` or `.yml` file with a line `apiVersion: score.dev/…` and none that begins with `kind:`.
/// Hidden folders are left out: tools keep their state there.
///
/// # Errors
/// A file or a folder cannot be read, or a folder has no Score file.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Found, CliError> {
    let marks = Marks {
        score: Regex::new(r#"(?m)^["']?apiVersion["']?\s*:\s*["']?score\.dev/"#)?,
        kubernetes: Regex::new(r#"(?m)^["']?kind["']?\s*:"#)?,
    };
    let mut found = Found::default();
    for path in paths {
        let unreadable = |error| CliError::Unreadable(path.clone(), error);
        if path.is_dir() {
            let before = found.files.len();
            in_folder(path, &marks, &mut found).map_err(unreadable)?;
            if found.files.len() == before {
                return Err(CliError::NothingFound(path.clone()));
            }
        } else {
            found.files.push((path.clone(), fs::read_to_string(path).map_err(unreadable)?));
        }
    }
    Ok(found)
}

fn in_folder(folder: &Path, marks: &Marks, found: &mut Found) -> io::Result<()> {
    let entries = fs::read_dir(folder)?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            in_folder(&path, marks, found)?;
        } else if path.is_file() && matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "yml"))
        {
            // What is no text is no Score file.
            let text = String::from_utf8(fs::read(&path)?).unwrap_or_default();
            match (marks.score.is_match(&text), marks.kubernetes.is_match(&text)) {
                (true, false) => found.files.push((path, text)),
                (true, true) => found.skipped.push(path),
                (false, _) => {}
            }
        }
    }
    Ok(())
}
