//! Texts in which placeholders are expanded, and the check that a text can be handed to a process.

use super::Errors;
use crate::path::FieldPath;
use crate::placeholder::{BoundTemplate, InvalidReference, Scope, Template};

/// Checks every placeholder of a text.
pub(super) fn valid(
    text: &str,
    scope: &Scope<'_>,
    path: &FieldPath,
    errors: &mut Errors,
) -> Option<BoundTemplate> {
    Template::parse(text)
        .bind(scope)
        .map_err(|invalid| invalid.iter().for_each(|reference| errors.add(path, explained(reference))))
        .ok()
}

/// The error with what to do next.
pub(super) fn explained(reference: &InvalidReference) -> String {
    format!("{reference}; {}", reference.problem.hint())
}

/// No process can be given a NUL character: it ends an argument, a variable and a path.
pub(super) fn check_no_nul(text: &str, path: &FieldPath, errors: &mut Errors) {
    errors.require(!text.contains('\0'), path, "holds a NUL character: remove it");
}
