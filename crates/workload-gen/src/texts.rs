//! Texts: names by the grammar of Score, and whatever a user may write.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Map, Value, json};

/// What texts are made of: what YAML, JSON, shells, environments and placeholders might trip over, and words.
const PIECES: [&str; 26] = [
    "a",
    "word",
    "Some Words",
    " ",
    "  ",
    "\n",
    "\t",
    "\r\n",
    ":",
    "#",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "$(NAME)",
    "%s",
    "<&>",
    "é",
    "\u{1f600}",
    "\u{7f}",
    "0",
    "-1",
    "null",
    "true",
    "$",
];
/// As `PIECES`, on one line and without control characters.
const LINE: [&str; 18] = [
    "a",
    "word",
    "Some Words",
    " ",
    ":",
    "#",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "$(NAME)",
    "%20",
    "<&>",
    "é",
    "0",
    "/",
    "?q=1",
];
const NAME_END: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const NAME_INNER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-";
const KEY_END: &[u8] = b"abcXYZ019";
const KEY_INNER: &[u8] = b"abcXYZ019._-";

/// How long most texts are; a few are longer.
fn length(rng: &mut StdRng) -> usize {
    if rng.random_ratio(1, 30) { rng.random_range(20..120) } else { rng.random_range(0..6) }
}

fn joined(pieces: &[&str], rng: &mut StdRng) -> String {
    (0..length(rng)).filter_map(|_| pieces.choose(rng).copied()).collect()
}

/// Any text, except that it holds no NUL, which no process can be given.
pub(crate) fn any(rng: &mut StdRng) -> String {
    joined(&PIECES, rng)
}

/// Any text on one line, without control characters.
pub(crate) fn line(rng: &mut StdRng) -> String {
    joined(&LINE, rng)
}

/// Any text in which placeholders are expanded, and that holds none: every dollar sign is escaped.
pub(crate) fn without_placeholders(rng: &mut StdRng) -> String {
    let text = any(rng).replace('$', "$$");
    // What is escaped, and what is none.
    let look_alikes = ["", "", "$${resources.none.x}", "$x", "${unterminated", "$$$$"];
    match look_alikes.choose(rng) {
        // A later `}` would terminate it.
        Some(&open @ "${unterminated") => text.replace('}', "") + open,
        Some(other) => format!("{other} {text}"),
        None => text,
    }
}

fn bounded(ends: &[u8], inner: &[u8], rng: &mut StdRng) -> String {
    let length = if rng.random_ratio(1, 10) { 63 } else { rng.random_range(2..16) };
    let mut pick = |bytes: &[u8]| bytes.choose(rng).copied().map_or('a', char::from);
    let middle: String = (2..length).map(|_| pick(inner)).collect();
    format!("{}{middle}{}", pick(ends), pick(ends))
}

/// A Score name; one in ten is as long as it may be.
pub(crate) fn name(rng: &mut StdRng) -> String {
    bounded(NAME_END, NAME_INNER, rng)
}

/// The key of an annotation: with a prefix or without.
pub(crate) fn annotation_key(rng: &mut StdRng) -> String {
    let key = bounded(KEY_END, KEY_INNER, rng);
    if rng.random() { format!("{}.example/{key}", name(rng)) } else { key }
}

/// Annotations of an object.
pub(crate) fn annotations(rng: &mut StdRng) -> Map<String, Value> {
    (0..rng.random_range(0..3)).map(|_| (annotation_key(rng), json!(any(rng)))).collect()
}

/// An absolute path below `/`, sometimes written in a longer way than it has to be.
pub(crate) fn path(rng: &mut StdRng) -> String {
    let parts = (0..rng.random_range(1..4)).map(|_| match line(rng).replace(['/', '.'], "") {
        empty if empty.trim().is_empty() => name(rng),
        part => part,
    });
    let parts: Vec<String> = parts.collect();
    let prefix = if rng.random_ratio(1, 20) { "//./" } else { "/" };
    format!("{prefix}{}", parts.join("/"))
}

/// The name of a variable. Score allows all characters but `=`.
pub(crate) fn variable(rng: &mut StdRng) -> String {
    let odd = ["with space", "dotted.name", "-", "1", "a/b", "\u{c4}H", "new\nline", "__SCORE_SECRET_0"];
    match odd.choose(rng) {
        Some(name) if rng.random_ratio(1, 10) => (*name).to_owned(),
        _ => name(rng).to_uppercase().replace('-', "_"),
    }
}

/// The name of an image; most are such that a registry could have it.
pub(crate) fn image(rng: &mut StdRng) -> String {
    if rng.random_ratio(1, 20) {
        return format!("a{}", line(rng).replace(char::is_whitespace, ""));
    }
    let registry = ["", "registry.example.com/", "localhost:5000/team/"];
    let version = [
        "",
        ":latest",
        ":1.2.3-rc.1",
        "@sha256:0123456789012345678901234567890123456789012345678901234567890123",
    ];
    let (registry, version) = (registry.choose(rng).copied(), version.choose(rng).copied());
    let name = name(rng).replace("--", "-");
    format!("{}{}{}", registry.unwrap_or_default(), name.replace("--", "-"), version.unwrap_or_default())
}

/// A key of metadata or params, such as a placeholder can name. Keys that mean something are left out.
pub(crate) fn key(rng: &mut StdRng) -> String {
    let keys = ["team", "size", "a.b", "with space", "\u{e9}", "x_y", "0", "nested", "list"];
    keys.choose(rng).copied().unwrap_or("team").to_owned()
}
