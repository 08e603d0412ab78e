//! What was found, as people and editors read it: `file:line: path: message`.

use std::fmt;

/// What was found in all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Error { file: String, line: u64, text: String },
    Verdict { file: String, line: u64, name: String, notes: Vec<String> },
    Note { file: String, line: u64, text: String },
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        !self.entries.iter().any(|entry| matches!(entry, Entry::Error { .. }))
    }

    /// The errors, without file and line.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Error { text, .. } => Some(text.as_str()),
            Entry::Verdict { .. } | Entry::Note { .. } => None,
        })
    }

    pub(super) fn error(&mut self, file: &str, line: u64, text: impl ToString) {
        self.entries.push(Entry::Error { file: file.to_owned(), line, text: text.to_string() });
    }

    pub(super) fn valid(&mut self, file: &str, line: u64, name: impl Into<String>, notes: Vec<String>) {
        self.entries.push(Entry::Verdict { file: file.to_owned(), line, name: name.into(), notes });
    }

    pub(super) fn note(&mut self, file: &str, line: u64, text: impl Into<String>) {
        self.entries.push(Entry::Note { file: file.to_owned(), line, text: text.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            match entry {
                Entry::Error { file, line, text } => writeln!(f, "{file}:{line}: error: {text}")?,
                Entry::Note { file, line, text } => writeln!(f, "{file}:{line}: {text}")?,
                Entry::Verdict { file, line, name, notes } => {
                    writeln!(f, "{file}:{line}: {name} is valid")?;
                    notes.iter().try_for_each(|note| writeln!(f, "  {note}"))?;
                }
            }
        }
        Ok(())
    }
}
