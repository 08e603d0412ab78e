//! The grammar: `\$((?:\$?{([^}]*)})|\$)`, matched once from left to right.

/// A text split into its literals and references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A part of a [`Template`]. No two literals are neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text, with its escapes already taken out.
    Literal(String),
    /// What stood between `${` and `}`.
    Reference(Reference),
}

/// What stands between `${` and `}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As it was written.
    pub raw: String,
    /// Split at its dots, save those written `\.`; at least one, which may be empty.
    pub keys: Vec<String>,
}

impl Template {
    /// Splits a text. `$$` means `$` and `$${x}` means `${x}`; a `$` that begins neither, and a `${` without its `}`,
    /// mean themselves. References do not nest: `${a${b}}` is a reference to `a${b`, and then a `}`.
    pub fn parse(text: &str) -> Self {
        let mut template = Self::default();
        // Behind the last `}` no `${` has any, and each of very many would look for it to the end of the text.
        let (head, tail) = text.split_at(text.rfind('}').map_or(0, |last| last + 1));
        let mut rest = head;
        while let Some(dollar) = rest.find('$') {
            template.push_literal(&rest[..dollar]);
            rest = template.take_token(&rest[dollar..]);
        }
        template.push_literal(rest);
        template.push_literal(&tail.replace("$$", "$"));
        template
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The references in order.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }

    /// Takes the token at the beginning of a text that begins with `$`, and returns what follows it.
    fn take_token<'a>(&mut self, text: &'a str) -> &'a str {
        let after_dollar = &text[1..];
        if let Some((raw, rest)) = braced(after_dollar) {
            self.parts.push(Part::Reference(Reference::parse(raw)));
            return rest;
        }
        let Some(escaped) = after_dollar.strip_prefix('$') else {
            self.push_literal("$");
            return after_dollar;
        };
        let rest = braced(escaped).map_or(escaped, |(_, rest)| rest);
        self.push_literal(&after_dollar[..after_dollar.len() - rest.len()]);
        rest
    }

    fn push_literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Literal(literal)) => literal.push_str(text),
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
    }
}

/// What stands between the `{` that the text begins with and the first `}`, and what follows it.
fn braced(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('{')?.split_once('}')
}

impl Reference {
    fn parse(raw: &str) -> Self {
        let mut keys = vec![String::new()];
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '.' => keys.push(String::new()),
                _ => {
                    let c = if c == '\\' { chars.next_if_eq(&'.').unwrap_or(c) } else { c };
                    keys.last_mut().into_iter().for_each(|key| key.push(c));
                }
            }
        }
        Self { raw: raw.to_owned(), keys }
    }
}
