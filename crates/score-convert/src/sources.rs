//! `files.*.source`: a file beside the Score file, which no cluster can read. What is in it takes its place.

use std::io;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::node::{Map, Node, Place, Tree};
use crate::problem::Problems;

/// Reads a file.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Puts the content of every source into the files of a container.
pub(crate) fn inline(container: &mut Map, read: Read<'_>, problems: &mut Problems) {
    let Some(files) = container.get_mut("files") else { return };
    for (_, place, file) in files.maps_mut() {
        inline_file(place, file, read, problems);
    }
}

fn inline_file(place: &Place, file: &mut Map, read: Read<'_>, problems: &mut Problems) {
    // What is no text is left for the schema to refuse.
    let Some(source) = file.get("source").and_then(Node::as_text).map(str::to_owned) else { return };
    if file.get("content").is_some() || file.get("binaryContent").is_some() {
        problems.add(
            place,
            "has a source and also a content: keep exactly one of content, binaryContent and source",
        );
        return;
    }
    let Some(Node { place, .. }) = file.take("source") else { return };
    let path = problems.file().parent().unwrap_or(Path::new("")).join(&source);
    match read(&path) {
        Ok(bytes) => {
            let (field, text) = content(bytes);
            file.push(field, Node { place, tree: Tree::Text(text) });
        }
        Err(error) => problems.add(
            &place,
            format_args!("{} cannot be read ({error}): the path counts from the Score file", path.display()),
        ),
    }
}

/// Text stays text, in which placeholders are expanded; other bytes are kept as they are.
fn content(bytes: Vec<u8>) -> (&'static str, String) {
    match String::from_utf8(bytes) {
        Ok(text) => ("content", text),
        Err(error) => ("binaryContent", STANDARD.encode(error.as_bytes())),
    }
}
