//! Probes (Score, `containers.*.livenessProbe` and `readinessProbe`).

use api_types::{ExecAction, HttpGetAction, HttpHeader, Probe};

use super::{Errors, container, service};
use crate::{grammar, path::FieldPath};

const HEADERS: usize = 64;

pub(super) fn check(probe: Option<&Probe>, path: &FieldPath, errors: &mut Errors) {
    let Some(Probe { http_get, exec }) = probe else { return };
    let has_action = http_get.is_some() || exec.is_some();
    errors.require(has_action, path, "has neither httpGet nor exec: add one of them, or remove the probe");
    if let Some(http_get) = http_get {
        check_http_get(http_get, &path.field("httpGet"), errors);
    }
    if let Some(exec) = exec {
        check_exec(exec, &path.field("exec").field("command"), errors);
    }
}

fn check_http_get(http_get: &HttpGetAction, path: &FieldPath, errors: &mut Errors) {
    let host_is_valid = http_get.host.as_ref().is_none_or(|host| (1..=253).contains(&host.len()));
    errors.require(
        host_is_valid,
        &path.field("host"),
        "must be 1 to 253 characters: name a host, or remove it",
    );
    check_text(&http_get.path, 4096, &path.field("path"), errors);
    service::valid_port(http_get.port, &path.field("port"), errors);
    let path = path.field("httpHeaders");
    errors.at_most(HEADERS, http_get.http_headers.len(), &path, "headers");
    for (index, header) in http_get.http_headers.iter().enumerate() {
        check_header(header, &path.index(index), errors);
    }
}

fn check_header(header: &HttpHeader, path: &FieldPath, errors: &mut Errors) {
    let name_is_valid = grammar::is_header_name(&header.name) && header.name.len() <= 256;
    let message = "must be 1 to 256 letters, digits, _ and -: correct it";
    errors.require(name_is_valid, &path.field("name"), message);
    errors.require(
        !header.value.is_empty(),
        &path.field("value"),
        "is empty: give it a value, or remove the header",
    );
    check_text(&header.value, 4096, &path.field("value"), errors);
}

/// A request is made of lines: a line break or a NUL inside a value would make another request of it.
fn check_text(text: &str, longest: usize, path: &FieldPath, errors: &mut Errors) {
    errors.require(!text.contains(char::is_control), path, "holds control characters: remove them");
    errors.at_most(longest, text.chars().count(), path, "characters");
}

fn check_exec(exec: &ExecAction, path: &FieldPath, errors: &mut Errors) {
    errors.require(!exec.command.is_empty(), path, "is empty: write the command to run, or remove exec");
    container::check_words(&exec.command, path, errors);
}
