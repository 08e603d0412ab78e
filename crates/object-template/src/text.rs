//! What a message can show.

/// What a message can show of a text of any length and content.
pub fn shortened(text: &str) -> String {
    shortened_to(60, text)
}

/// At most `longest` characters of a text of any length and content, as a message can show them.
pub fn shortened_to(longest: usize, text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() || c == '`' { '?' } else { c });
    let mut shown: String = plain.clone().take(longest).collect();
    if plain.count() > longest {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_is_it_is_shown_in_one_short_line() {
        assert_eq!(shortened_to(3, "a`b"), "a?b");
        assert_eq!(shortened_to(3, "a\nbc"), "a?b…");
        assert_eq!(shortened(&"é".repeat(100)).chars().count(), 61);
    }
}
