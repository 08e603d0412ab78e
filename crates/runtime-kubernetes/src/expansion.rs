//! Keeps Kubernetes from expanding what the user wrote.
//!
//! Kubernetes replaces `$(NAME)` in the values of environment variables, in commands, in arguments and in the
//! commands of exec probes, and reads `$$` anywhere as one `$`. Score does neither, so the user's text must come out
//! of that expansion as it went in.

/// `text` such that Kubernetes expands it to `text`.
///
/// Every `$` is doubled. To double only the one of a `$(` is not enough: Kubernetes turns any `$$` of the user's into
/// one `$`, and a `$` at the end of a literal would escape the reference that follows it.
pub fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

/// The reference that Kubernetes replaces by the value of variable `name`.
pub fn reference(name: &str) -> String {
    format!("$({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes makes of `input`, from the description in its documentation: `$$` is `$`, `$(NAME)` is the
    /// value of NAME or itself where there is none, and an incomplete reference stands for itself.
    fn expand(input: &str, variables: &[(&str, &str)]) -> String {
        let mut output = String::new();
        let mut rest = input;
        while let Some(at) = rest.find('$') {
            output.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let taken = if after.starts_with('$') {
                output.push('$');
                1
            } else if let (true, Some(end)) = (after.starts_with('('), after.find(')')) {
                let name = &after[1..end];
                let value =
                    variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
                output.push_str(&value.unwrap_or_else(|| reference(name)));
                end + 1
            } else {
                output.push('$');
                0
            };
            rest = &after[taken..];
        }
        output + rest
    }

    const TEXTS: &[&str] = &[
        "",
        "plain",
        "$",
        "$$",
        "$$$",
        "a$",
        "$HOME",
        "${HOME}",
        "$(A)",
        "$$(A)",
        "$$$(A)",
        "$(",
        "$(A",
        "$()",
        "$$(",
        "a$$b",
        "$(A)$(A)",
        "$($(A))",
        "100 $ or 100 $$",
        "ä$ö$(ü)",
        ")$(",
        "$\u{fffd}",
    ];

    #[test]
    fn the_reading_of_the_expansion_rules_holds_for_kubernetes_own_examples() {
        let variables = [("VAR_A", "A"), ("VAR_EMPTY", "")];
        for (input, expected) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_A)___", "___A___"),
            ("$(VAR_A)$(VAR_A)", "AA"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("$(VAR_DNE)", "$(VAR_DNE)"),
            ("foo$(VAR_EMPTY)bar", "foobar"),
            ("$(VAR_A", "$(VAR_A"),
            ("$VAR_A", "$VAR_A"),
            ("$", "$"),
            ("$$", "$"),
        ] {
            assert_eq!(expand(input, &variables), expected, "{input}");
        }
    }

    #[test]
    fn escaped_text_expands_to_what_the_user_wrote() {
        for text in TEXTS {
            assert_eq!(expand(&escape(text), &[("A", "value"), ("", "value")]), *text, "{text}");
        }
    }

    #[test]
    fn a_reference_is_replaced_whatever_stands_around_it() {
        for text in TEXTS {
            let joined = format!("{}{}{}", escape(text), reference("H"), escape(text));
            assert_eq!(
                expand(&joined, &[("H", "secret"), ("A", "value")]),
                format!("{text}secret{text}"),
                "{text}"
            );
        }
    }
}
